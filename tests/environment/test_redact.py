"""What is taken for a secret, and what is not."""

import pytest

from reenact.probe.redact import REDACTED, redact_argv, redact_env, redact_text, secret_name

# Built from parts, so that scanners of repositories do not take the examples for leaks.
GITHUB = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
HUGGING = "hf_" + "AbCdEfGhIjKlMnOpQrStUvWxYz01234567"
JWT = "eyJ" + "hbGciOiJIUzI1NiJ9" + ".eyJ" + "zdWIiOiIxMjM0NTY3ODkwIn0" + ".dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
HEX40 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b"
PEM = "-----BEGIN RSA PRIVATE " + "KEY-----\nMIIEow\nIBAAK\n-----END RSA PRIVATE " + "KEY-----"

SECRET_VARIABLES = [
    ("HF_TOKEN", "abc"),
    ("GITHUB_TOKEN", "x"),
    ("CI_JOB_TOKEN", "0123"),
    ("GH_TOKEN_2", "abcdef"),
    ("AUTHTOKEN", "q1w2"),
    ("DJANGO_SECRET", "hello"),
    ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ("AWS_ACCESS_KEY_ID", "AKIA" + "IOSFODNN7EXAMPLE"),
    ("PGPASSWORD", "1234"),
    ("MYSQL_PWD", "hunter2"),
    ("DB_PASS", "hunter2"),
    ("SSHPASS", "hunter2"),
    ("SMTP_PASSWD", "x y z"),
    ("KEY_PASSPHRASE", "correct horse"),
    ("WANDB_API_KEY", HEX40),
    ("COMET_APIKEY", "short"),
    ("OPENAI_KEY", "sk-" + "A1b2C3d4E5f6G7h8I9j0K1l2"),
    ("STORAGE_KEY", "Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MA=="),
    ("AZURE_CLIENT_CREDENTIAL", "abc"),
    ("SSH_PRIVATE_KEY", PEM),
    ("NPM_AUTH", "dXNlcjpwYXNz"),
    ("HTTP_AUTHORIZATION", "Basic dXNlcjpwYXNz"),
    ("SESSION_COOKIE", "id=3"),
    ("DOCKER_AUTH_CONFIG", '{"auths":{"x":{"auth":"eA=="}}}'),
    ("DATABASE", "postgres://me:pw@db.example/x"),
    ("HTTPS_PROXY", "http://user:p%40ss@proxy.example:3128"),
    ("SOMETHING", GITHUB),
    ("SOMETHING", "prefix " + "github_pat_" + "11ABCDEFG0abcdefghijkl_mnopqrstuv"),
    ("SOMETHING", "glpat-" + "abcDEF123456ghiJKL78"),
    ("SOMETHING", HUGGING),
    ("SOMETHING", "xoxb" + "-123456789012-abcdefABCDEF"),
    ("SOMETHING", "sk-proj-" + "abcdEFGH1234ijklMNOP"),
    ("SOMETHING", JWT),
    ("SOMETHING", PEM),
    ("CONNECTION", "DefaultEndpointsProtocol=https;AccountName=me;AccountKey=abcd1234efgh5678==;"),
    ("DSN", "host=db user=me password=hunter2 dbname=x"),
    ("SETTINGS", '{"user": "me", "password": "hunter2"}'),
    ("LINK", "https://bucket.example/x?expires=3&access_token=abc123"),
]

PLAIN_VARIABLES = [
    ("PYTHONHASHSEED", "1234567890"),
    ("MONKEY", "banana"),
    ("KEYBOARD", "us"),
    ("TOKENIZERS_PARALLELISM", "false"),
    ("MAX_TOKENS", "512"),
    ("PAD_TOKEN", "<pad>"),
    ("BOS_TOKEN_ID", "1"),
    ("NUM_TOKENS_PER_BATCH", "4096"),
    ("USE_AUTH", "true"),
    ("USE_AUTH_TOKEN", "False"),
    ("GIT_AUTHOR_NAME", "Ann Author"),
    ("AUTHORS", "me, you"),
    ("SSH_AUTH_SOCK", "/run/user/1000/agent.123"),
    ("XAUTHORITY", "/home/me/.Xauthority"),
    ("GOOGLE_APPLICATION_CREDENTIALS", "/home/me/key.json"),
    ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
    ("GIT_ASKPASS", "/usr/lib/git-core/askpass"),
    ("HF_TOKEN_PATH", "/home/me/.cache/token"),
    ("PWD", "/home/me/project"),
    ("OLDPWD", "/home/me"),
    ("PROJECT_PWD", "/home/me"),
    ("COMMIT", HEX40),
    ("DIGEST", "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("SORT_KEY", "loss"),
    ("IMAGE_KEY", "image"),
    ("PATIENCE", "10"),
    ("COMPASS", "north"),
    ("REMOTE", "ssh://git@github.com/a/b.git"),
    ("URL", "https://example.org/a@b:c?page=2&sort=key"),
    ("MODEL", "sk-learn-random-forest-baseline"),
    ("PASSES", "3"),
    ("PASSWORD", ""),
    ("LS_COLORS", "rs=0:di=01;34:ln=01;36:mh=00:pi=40;33"),
    ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ("OMP_NUM_THREADS", "2"),
]


@pytest.mark.parametrize(("name", "value"), SECRET_VARIABLES)
def test_secret_variables_are_redacted(name, value):
    assert redact_env({name: value}) == ({name: REDACTED}, [name])


@pytest.mark.parametrize(("name", "value"), PLAIN_VARIABLES)
def test_ordinary_variables_are_kept(name, value):
    assert redact_env({name: value}) == ({name: value}, [])


def test_names_are_sorted_and_a_redacted_value_is_left_alone():
    env = {"Z_TOKEN": "a", "A_TOKEN": "b", "OLD_TOKEN": REDACTED}
    assert redact_env(env) == (dict.fromkeys(env, REDACTED), ["A_TOKEN", "Z_TOKEN"])


@pytest.mark.parametrize(
    ("argv", "kept", "what"),
    [
        (["t.py", "--api-key", "abc", "--lr", "1"], ["t.py", "--api-key", REDACTED, "--lr", "1"], ["--api-key"]),
        (["t.py", "--password=X"], ["t.py", f"--password={REDACTED}"], ["--password"]),
        (["t.py", "--password", "-abc-"], ["t.py", "--password", REDACTED], ["--password"]),
        (["t.py", "--use-token", "--seed", "3"], ["t.py", "--use-token", "--seed", "3"], []),
        (["t.py", "logger.wandb.api_key=abc"], ["t.py", f"logger.wandb.api_key={REDACTED}"], ["logger.wandb.api_key"]),
        (["t.py", "+hf_token=abc"], ["t.py", f"+hf_token={REDACTED}"], ["+hf_token"]),
        (["t.py", GITHUB], ["t.py", REDACTED], ["GitHub token"]),
        (
            ["git", "clone", "https://me:pw@example.org/x.git"],
            ["git", "clone", f"https://{REDACTED}@example.org/x.git"],
            ["password in a URL"],
        ),
        (["python", "-c", f"login('{HUGGING}')"], ["python", "-c", f"login('{REDACTED}')"], ["Hugging Face token"]),
        (["curl", "-H", "Authorization: token x1"], ["curl", "-H", f"Authorization: {REDACTED}"], ["Authorization"]),
        (["t.py", "--key", HEX40], ["t.py", "--key", REDACTED], ["--key"]),
    ],
)
def test_arguments(argv, kept, what):
    assert redact_argv(argv) == (kept, what)


@pytest.mark.parametrize(
    "argv",
    [
        ["python", "-m", "pkg.train", "--lr", "1e-3", "--resume", HEX40],
        ["t.py", "--max-tokens", "512", "--pad-token", "[PAD]", "--token-dim", "64"],
        ["t.py", "--key", "loss", "--sort-key=name", "model.key_dim=64"],
        ["t.py", "--password-file", "/run/secrets/db", "--auth-type", "basic"],
        ["t.py", "optimizer=adam", "data.path=/a/b=c", "seed=1234567890123456789"],
        ["t.py", "--data", "s3://bucket/train@v2/x:y", "--commit=" + HEX40],
        ["t.py", "--use-auth-token", "data/train.csv"],
        ["python", "-c", "x = {'key': 'value', 'lr': 1}; print(x)"],
    ],
)
def test_ordinary_arguments_are_kept(argv):
    assert redact_argv(argv) == (argv, [])


def test_no_part_of_a_secret_survives():
    text = f"a {GITHUB} b {JWT} c {PEM} d"
    clean, what = redact_text(text)
    assert clean == f"a {REDACTED} b {REDACTED} c {REDACTED} d"
    assert sorted(what) == ["GitHub token", "JSON web token", "private key"]


def test_a_secret_name_alone_is_not_enough_for_switches_and_paths():
    assert secret_name("token", "abc")
    assert not secret_name("token", "true")
    assert not secret_name("token", "/home/me/token")
    assert not secret_name("token", "")
