"""The use cases: each a public function over the ports; nothing in here knows SQL, HTTP or a terminal."""
