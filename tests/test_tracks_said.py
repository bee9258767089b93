"""Ids of events told lately: what is remembered and forgotten is what a dictionary would, at 24 bytes each."""

from hashlib import blake2b

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dogwatch import blob
from tracks.said import TOLD, Said

IDS = [blake2b(bytes([k]), digest_size=16).hexdigest() for k in range(12)] + ["0" * 32, "f" * 32, "0" * 31 + "1", "8" + "0" * 31, "0" * 15 + "1" + "0" * 16]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.lists(st.sampled_from(IDS), max_size=6), st.booleans(), st.booleans()), max_size=12))
def test_it_remembers_as_a_dictionary_does(minutes):
    said, plain = Said(), {}
    for t_ms, (told, forgets, restarts) in enumerate(minutes):
        for identity in told:
            assert (identity in said) == (identity in plain)
            if identity not in plain:
                said.add(identity, t_ms)
                plain[identity] = t_ms
        said.settle()
        if forgets:
            said.forget(t_ms - 2)
            plain = {identity: told_ms for identity, told_ms in plain.items() if told_ms >= t_ms - 2}
        if restarts:
            data = blob.pack({"said": said.to_section()}, schema=1)
            said = Said.from_section(blob.unpack(data, schema=1)["said"])
        assert [identity in said for identity in IDS] == [identity in plain for identity in IDS]
        assert said.to_section() == dict(sorted(plain.items()))
        assert list(said.to_section()) == sorted(plain)


@pytest.mark.parametrize("n", [0, 1, 1000])
def test_when_a_minute_is_over_an_id_is_a_row(n):
    said = Said()
    for k in range(n):
        said.add(blake2b(k.to_bytes(4, "big"), digest_size=16).hexdigest(), 0)
    said.settle()
    assert (len(said.fresh), said.told.nbytes) == (0, n * TOLD.itemsize)
    assert said.told["high"].dtype == np.uint64
