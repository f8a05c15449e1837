import pytest
from measured import wait_until
from soak_server import CLIENTS, EngineModel, crowd


@pytest.fixture
def model():
    model = EngineModel()
    yield model
    model.close()


async def test_a_hundred_clients_are_served_alike_though_others_vanish(running, model):
    port = running(model).port
    tally = await crowd(port, goes_on=lambda tally: tally.total < 8 * CLIENTS, vanishing=10, tokens=6)
    assert tally.lost == []
    assert tally.is_fair, tally.answers
    assert tally.vanished > 0
    wait_until(lambda: not model.engine.is_busy)
    model.engine.check_integrity()
