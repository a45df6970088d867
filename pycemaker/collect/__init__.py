"""Where samples come from: this machine, made-up demo data; and whether they keep coming."""
