"""Many processes that are one server: a supervisor that never serves, and workers that share its address.

The supervisor keeps a listening socket for each worker and hands it over, so nobody who connects meets a closed door
while one worker follows another. They talk over a pair of sockets each, see `channel`.
"""
