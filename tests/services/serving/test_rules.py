"""Shares of memory, limits, arguments: values in, values out."""

from __future__ import annotations

import pytest

from cockpit.core.recipe import serving

GIB = serving.GIB


@pytest.mark.parametrize(
    ("free", "trainer", "refused"),
    [
        (24 * GIB, None, False),
        (24 * GIB, 14 * GIB, False),
        (24 * GIB, 23 * GIB, True),  # alone each fits, together they don't
        (3 * GIB, None, True),
        (None, 99 * GIB, False),  # what isn't known refuses nothing
    ],
)
def test_room_beside_the_trainer(free: int | None, trainer: int | None, refused: bool) -> None:
    wanted = serving.share(1 * GIB, gpu_total=24 * GIB)
    why = serving.refusal(wanted, free, trainer)
    assert (why is not None) == refused
    if why and free:
        assert f"{free / GIB:.1f} GiB are free" in why
        assert "kv_cache_gib" in why


def test_a_share_of_a_gpu_is_what_vllm_is_told() -> None:
    wanted = serving.share(14 * GIB, gpu_total=80 * GIB, kv=4 * GIB)
    assert wanted.fraction == pytest.approx((14 + 4 + 1.5) / 80, abs=1e-3)
    assert "of 80 GiB" in wanted.description
    assert serving.share(14 * GIB, gpu_total=None).fraction is None


@pytest.mark.parametrize(
    ("limit", "wanted", "length"),
    [
        (128, None, 128),
        (128, 4096, 128),
        (32768, None, 4096),
        (32768, 8192, 8192),
        (None, None, 4096),
        (None, 99999, 99999),
    ],
)
def test_length_is_never_more_than_the_model_takes(
    limit: int | None, wanted: int | None, length: int
) -> None:
    assert serving.length(limit, wanted) == length


@pytest.mark.parametrize(("rank", "limit"), [(1, 1), (4, 8), (32, 32), (33, 64), (100, 128), (9999, 512)])
def test_the_rank_limit_is_one_that_vllm_knows(rank: int, limit: int) -> None:
    assert serving.lora_rank(rank) == limit


@pytest.mark.parametrize(
    ("used_ago", "idle_s", "leases", "idle"),
    [(100, 60, 0, True), (100, 60, 1, False), (10, 60, 0, False), (1e9, 0, 0, False)],
)
def test_idle(used_ago: float, idle_s: float, leases: int, idle: bool) -> None:
    assert serving.is_idle(1e10, 1e10 - used_ago, idle_s, leases) is idle


def test_arguments_bind_to_this_machine_and_hold_no_key() -> None:
    settings = {
        "model": "/m", "host": "127.0.0.1", "port": 5, "dtype": "auto", "max_model_len": 9, "max_lora_rank": 8,
        "max_loras": 2, "gpu_memory_utilization": 0.25, "gpu": 1, "revision": "abc",
    }  # fmt: skip
    argv = serving.arguments(settings)
    assert argv[argv.index("--host") + 1] == "127.0.0.1"
    assert "--api-key" not in argv
    assert argv[argv.index("--gpu-memory-utilization") + 1] == "0.25"
    assert serving.environment(settings)["CUDA_VISIBLE_DEVICES"] == "1"
    assert "TORCH_COMPILE_DISABLE" not in serving.environment(settings)
    on_cpu = serving.environment(settings | {"gpu_memory_utilization": None, "kv_gib": 2})
    assert (on_cpu["TORCH_COMPILE_DISABLE"], on_cpu["VLLM_CPU_KVCACHE_SPACE"]) == ("1", "2")
    assert "CUDA_VISIBLE_DEVICES" not in on_cpu
