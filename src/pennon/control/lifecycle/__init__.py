"""The life of flags: what tells whether one is still needed."""
