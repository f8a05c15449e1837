"""Requests that run together for certain, however late the threads that make them begin."""

from contextlib import contextmanager

from measured import wait_until


@contextmanager
def held_until(model, requests):
    """An opened model computes nothing until so many requests have come, or wait at its door."""
    engine = model.open()._opened.engine
    backend = engine._backend
    decode = backend.decode

    def decode_when_all_are_there(*arguments, **options):
        wait_until(lambda: engine._in_flight >= requests, f"{requests} requests at once")
        backend.decode = decode
        return decode(*arguments, **options)

    backend.decode = decode_when_all_are_there
    try:
        yield
    finally:
        backend.decode = decode
