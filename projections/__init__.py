"""Read models: one module and one SQL file per noun, fed by the follower."""
