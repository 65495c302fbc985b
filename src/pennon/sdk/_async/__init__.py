"""The loops that do the SDK's input and output, as an asynchronous program. Their twins are in `pennon.sdk._sync`."""
