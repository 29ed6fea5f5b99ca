"""Pages whose programs need servers and frameworks."""
