"""Environment variables: those that change bits, those that belong to a session, and what a replay is given."""

from __future__ import annotations

from collections.abc import Mapping

from ..probe.redact import REDACTED, redact_env

_BIT_PREFIXES_TEXT = """
    OMP_ MKL_ ONEDNN_ DNNL_ ATEN_ OPENBLAS_ GOTO_ BLIS_ NPY_ NUMEXPR_ VECLIB_ CUBLAS_ CUBLASLT_ CUDA_ CUDNN_ NCCL_
    NVIDIA_ TORCH PYTORCH_ TF_ XLA_ JAX_ KERAS_ PYTHON HF_ TRANSFORMERS_ KMP_ GOMP_ MALLOC_ HIP_ HSA_ ROCR_ ROCM_
    MIOPEN_ TRITON_ TENSORFLOW_ ACCELERATE_ GLIBC_ DYLD_ NUMBA_
"""
_BIT_PREFIXES = tuple(_BIT_PREFIXES_TEXT.split())
_BIT_NAMES_TEXT = """
    TOKENIZERS_PARALLELISM LC_ALL LC_NUMERIC LC_COLLATE LC_CTYPE LANG TZ LD_PRELOAD LD_LIBRARY_PATH
"""
_BIT_NAMES = frozenset(_BIT_NAMES_TEXT.split())

_SESSION_PREFIXES_TEXT = """
    TERM_ TERMINFO SSH_ XDG_ CONDA_ _CE_ DBUS_ PYENV_ TMUX_ GPG_ KITTY_ ITERM_ VTE_ VSCODE_ WEZTERM_ ALACRITTY_ __CF
    XPC_ BASH_ ZSH_ SYSTEMD_ KUBERNETES_ WSL_ UV_ PIP_ GIT_ SUDO_ DIRENV_ NVM_ SDKMAN_ POETRY_ PIPENV_ REENACT_
"""
_SESSION_PREFIXES = tuple(_SESSION_PREFIXES_TEXT.split())
_SESSION_NAMES_TEXT = """
    _ TERM TERMCAP TMUX LESS LESSOPEN LESSCLOSE HISTFILE HISTSIZE HISTFILESIZE HISTCONTROL HISTTIMEFORMAT JAVA_HOME
    PATH HOME USER LOGNAME USERNAME SHELL COLORTERM DISPLAY WAYLAND_DISPLAY XAUTHORITY PWD OLDPWD SHLVL TMPDIR TEMP
    TMP LS_COLORS LSCOLORS CLICOLOR NO_COLOR FORCE_COLOR VIRTUAL_ENV VIRTUAL_ENV_PROMPT EDITOR VISUAL PAGER COLUMNS
    LINES HOSTNAME HOST MAIL PS1 PS2 PROMPT PROMPT_COMMAND WINDOWID STY MANPATH INFOPATH JOURNAL_STREAM
    INVOCATION_ID MANAGERPID SESSION_MANAGER DESKTOP_SESSION GDMSESSION MOTD_SHOWN SECURITYSESSIONID COMMAND_MODE
    HOSTTYPE OSTYPE MACHTYPE HTTP_PROXY HTTPS_PROXY FTP_PROXY ALL_PROXY NO_PROXY http_proxy https_proxy ftp_proxy
    all_proxy no_proxy SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE CURL_CA_BUNDLE NODE_EXTRA_CA_CERTS
"""
_SESSION_NAMES = frozenset(_SESSION_NAMES_TEXT.split())
# Set by reenact for the processes that it starts: of no meaning in another run.
_OURS = frozenset({"REENACT_PROBE", "REENACT_PROCESS"})


def is_bit_variable(name: str) -> bool:
    """Whether the variable can change the numbers that a run computes, or how it can be replayed."""
    return name in _BIT_NAMES or name.startswith(_BIT_PREFIXES)


def is_session_variable(name: str) -> bool:
    """Whether the variable belongs to a login session or a machine rather than to a run."""
    return name in _SESSION_NAMES or (name.startswith(_SESSION_PREFIXES) and not is_bit_variable(name))


def bit_variables(env: Mapping[str, str]) -> dict[str, str]:
    """Those of `env` that change bits, by name, sorted. Secrets (``HF_TOKEN``) are left out."""
    chosen = {name: env[name] for name in sorted(env) if is_bit_variable(name)}
    clean, secret = redact_env(chosen)
    return {name: value for name, value in clean.items() if name not in secret and value != REDACTED}


def session_variables(env: Mapping[str, str]) -> dict[str, str]:
    """Those of `env` that are not given back at replay, by name, sorted."""
    return {name: env[name] for name in sorted(env) if is_session_variable(name)}


def replay_env(recorded: Mapping[str, str], current: Mapping[str, str]) -> dict[str, str]:
    """The environment for a replay.

    The session is the current one; everything else is as recorded. A current variable that the baseline did not have
    is dropped. A redacted value is taken from the current environment, and missing when it is not there.
    """
    env = session_variables(current)
    for name, value in recorded.items():
        if is_session_variable(name):
            continue
        if value == REDACTED:
            if name in current:
                env[name] = current[name]
        else:
            env[name] = value
    return {name: value for name, value in env.items() if name not in _OURS}


def missing_secrets(recorded: Mapping[str, str], current: Mapping[str, str]) -> list[str]:
    """Redacted variables of the record that a replay would need and `current` does not have, sorted."""
    return sorted(
        n for n, value in recorded.items() if value == REDACTED and n not in current and not is_session_variable(n)
    )
