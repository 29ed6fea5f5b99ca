"""The pages: one module for each. It reads what the page shows into plain data and renders a template."""
