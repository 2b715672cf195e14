"""Who speaks: adapters from ``generation`` to model servers."""
