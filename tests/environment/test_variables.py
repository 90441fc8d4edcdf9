"""Which variables count, and what a replay is given."""

import pytest

from reenact.environment.variables import (
    bit_variables,
    is_bit_variable,
    is_session_variable,
    missing_secrets,
    replay_env,
    session_variables,
)
from reenact.probe.redact import REDACTED

BITS = """
    OMP_NUM_THREADS MKL_CBWR ONEDNN_MAX_CPU_ISA DNNL_VERBOSE ATEN_CPU_CAPABILITY OPENBLAS_CORETYPE
    BLIS_NUM_THREADS NPY_DISABLE_CPU_FEATURES NUMEXPR_MAX_THREADS VECLIB_MAXIMUM_THREADS CUBLAS_WORKSPACE_CONFIG
    CUDA_VISIBLE_DEVICES CUDNN_DETERMINISTIC NCCL_ALGO NVIDIA_TF32_OVERRIDE TORCHINDUCTOR_CACHE_DIR TORCH_LOGS
    PYTORCH_CUDA_ALLOC_CONF TF_DETERMINISTIC_OPS XLA_FLAGS JAX_ENABLE_X64 KERAS_BACKEND PYTHONHASHSEED
    PYTHONOPTIMIZE HF_HOME TOKENIZERS_PARALLELISM LC_ALL LANG TZ KMP_AFFINITY GOMP_CPU_AFFINITY LD_PRELOAD
    LD_LIBRARY_PATH MALLOC_ARENA_MAX
"""
SESSION = """
    PATH HOME USER LOGNAME SHELL TERM TERM_PROGRAM TERMINFO SSH_CONNECTION DISPLAY XDG_RUNTIME_DIR PWD OLDPWD
    SHLVL TMPDIR LS_COLORS VIRTUAL_ENV CONDA_PREFIX DBUS_SESSION_BUS_ADDRESS EDITOR PAGER COLUMNS LINES HOSTNAME
    MAIL _ HTTPS_PROXY
"""
NEITHER = """
    RANK WORLD_SIZE MASTER_ADDR DATA_DIR EPOCHS LESSON HISTORY_LENGTH BASHFUL TERMINATE_AT
"""


@pytest.mark.parametrize("name", BITS.split())
def test_bits(name):
    assert is_bit_variable(name) and not is_session_variable(name)


@pytest.mark.parametrize("name", SESSION.split())
def test_session(name):
    assert is_session_variable(name) and not is_bit_variable(name)


@pytest.mark.parametrize("name", NEITHER.split())
def test_neither(name):
    assert not is_session_variable(name) and not is_bit_variable(name)


def test_bit_variables_are_sorted_and_hold_no_secret():
    env = {"TZ": "UTC", "OMP_NUM_THREADS": "2", "HF_TOKEN": "abc", "HF_HUB_TOKEN": REDACTED, "PATH": "/bin", "LR": "1"}
    assert list(bit_variables(env).items()) == [("OMP_NUM_THREADS", "2"), ("TZ", "UTC")]


def test_session_variables():
    assert session_variables({"PATH": "/bin", "HOME": "/root", "OMP_NUM_THREADS": "2", "LR": "1"}) == {
        "HOME": "/root",
        "PATH": "/bin",
    }


def test_replay_env():
    recorded = {
        "PATH": "/old/bin",
        "HOME": "/old",
        "OMP_NUM_THREADS": "4",
        "DATA": "/data",
        "WANDB_API_KEY": REDACTED,
        "OTHER_TOKEN": REDACTED,
        "REENACT_PROBE": "/old/probe.json",
        "VIRTUAL_ENV": "/old/venv",
    }
    current = {
        "PATH": "/new/bin",
        "HOME": "/new",
        "OMP_NUM_THREADS": "8",
        "MKL_NUM_THREADS": "1",
        "EXTRA": "1",
        "WANDB_API_KEY": "secret",
        "REENACT_STORE": "/store",
        "REENACT_PROCESS": "rank0.1",
    }
    assert replay_env(recorded, current) == {
        "PATH": "/new/bin",
        "HOME": "/new",
        "OMP_NUM_THREADS": "4",
        "DATA": "/data",
        "WANDB_API_KEY": "secret",
        "REENACT_STORE": "/store",
    }
    assert missing_secrets(recorded, current) == ["OTHER_TOKEN"]
