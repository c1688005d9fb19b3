"""The pure core: values, specs, diff, plan and journal records. No I/O, no clock, no randomness, no logging."""
