"""What the issue's figures are measured with. Run by hand, one module at a time; pytest collects nothing here."""
