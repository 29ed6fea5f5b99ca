"""What the API answers, field by field: one module for each kind of thing. The OpenAPI document is made of these."""
