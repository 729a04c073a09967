"""Documents: papers as PDF, PNG and SVG from templates that an agency can replace."""
