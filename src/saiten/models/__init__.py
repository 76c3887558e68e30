"""Talking to a model: where it is, how it is asked, what came back, and what to do when that goes wrong.

providers   who answers requests, as a table            client     what the engine uses
body        a request in the provider's dialect         asker      one request with all its tries
transport   one HTTP exchange                           retry      what follows from a failure
sse, wire   bytes to chunks, strictly                   health     the circuit breaker, the end of a run
reply       chunks to choices                           limiter    slots, adaptive ceiling, shared pause
failures    what went wrong, classified                 preflight  is the endpoint there?
assemble    choices to generations                      loops, reasoning, outcomes   what a text comes to
"""
