"""Builds that are killed at many moments end with the bytes of one that nobody disturbed."""

import pytest
from killed_builds import soak_builds


@pytest.mark.slow
def test_a_build_survives_kills_at_any_moment(tmp_path):
    done = soak_builds(20, tmp_path)
    assert done["kills"] == 20 and done["steps"] >= 40
    # The kills came at different moments: before work, in it, while it was published.
    assert done["states"] >= 20
    assert done["builds"] > done["steps"]
