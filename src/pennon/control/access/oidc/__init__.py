"""Signing in by an OpenID Connect provider (Core 1.0): authorization code, with PKCE, state and nonce."""
