"""Edge nodes: upstream by `sdk`, downstream by `stream`, a key-value store between. They know no control plane."""
