from typing import Iterator

import pytest

from tests.live.servers import Client, make_service, running


@pytest.fixture(scope="package")
def client() -> Iterator[Client]:
    """Of a server of the shipped model."""
    examples = [{"inputs": {"sentence": "Dull."}, "gold": "negative"}]
    with running(make_service(examples=examples)) as server:
        yield server.client
