"""Engines on other machines: what Ray Serve is given, and what its replicas run. Used by ``cli/deploy.py``.

The server knows nothing of this package: it reaches what is deployed as any other address, by ``openai_http``. Ray
is imported by ``ray_llama.py``, which Ray loads, and by ``ray_serve.py``, which the command line calls.
"""
