"""The HTTP interface: one module per noun, and what all of them share."""
