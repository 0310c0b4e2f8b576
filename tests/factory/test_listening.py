from __future__ import annotations

import socket

import pytest

from gateway.core.errors import ConfigError
from gateway.factory.listening import listen, listen_for_each, url


def test_all_workers_listen_on_one_address():
    listeners = listen_for_each("127.0.0.1", 0, 3)
    assert len({listener.getsockname() for listener in listeners}) == 1
    assert len({listener.fileno() for listener in listeners}) == 3
    with socket.create_connection(listeners[0].getsockname()):
        pass
    for listener in listeners:
        listener.close()


def test_workers_do_not_share_an_address_with_another_gateway_s():
    first = listen_for_each("127.0.0.1", 0, 2)
    port = first[0].getsockname()[1]
    with pytest.raises(ConfigError, match="can't listen on"):
        listen_for_each("127.0.0.1", port, 2)
    with pytest.raises(ConfigError, match="can't listen on"):
        listen("127.0.0.1", port)
    for listener in first:
        listener.close()


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1")])
def test_the_url_is_one_that_this_machine_can_ask(host, shown):
    with listen(host, 0) as listener:
        assert url(listener) == f"http://{shown}:{listener.getsockname()[1]}"
