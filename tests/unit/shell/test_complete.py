"""The word under the cursor, the text inserted for it, and the script that lists completions."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dexec_kernel.backend.models import Frame, Stream
from dexec_kernel.magics.catalogue import REGISTRY
from dexec_kernel.magics.complete import Wanted, magic_at, magic_help
from dexec_kernel.shell.ask import ask
from dexec_kernel.shell.commands import Shell
from dexec_kernel.shell.complete import CompletionContext, complete, read_variables
from dexec_kernel.shell.describe import describe, is_secret
from dexec_kernel.shell.language.cursor import Kind, find_cursor
from dexec_kernel.shell.language.quoting import closing, quote_rest
from tests.fuzzing import examples


@pytest.mark.parametrize(
    ("text", "kind", "start", "value"),
    [
        ("", Kind.COMMAND, 0, ""),
        ("ec", Kind.COMMAND, 0, "ec"),
        ("echo fo", Kind.FILE, 5, "fo"),
        ("echo ", Kind.FILE, 5, ""),
        ("echo 'my f", Kind.FILE, 5, "my f"),
        ('echo "my f', Kind.FILE, 5, "my f"),
        ("echo my\\ f", Kind.FILE, 5, "my f"),
        ("echo a'b'\"c\"\\d", Kind.FILE, 5, "abcd"),
        ('echo "\\a\\$', Kind.FILE, 5, "\\a$"),
        ("echo $'a\\n", Kind.FILE, 5, "a\n"),
        ("echo '🐳' é", Kind.FILE, 9, "é"),
        ("cat <fo", Kind.FILE, 5, "fo"),
        ("> fo", Kind.FILE, 2, "fo"),
        ("ls 2>>fo", Kind.FILE, 6, "fo"),
        ("2>x l", Kind.COMMAND, 4, "l"),
        ("ls >&2 fo", Kind.FILE, 7, "fo"),
        ("cat <<< fo", Kind.FILE, 8, "fo"),
        ("echo $HO", Kind.VARIABLE, 5, "HO"),
        ("echo ${HO", Kind.VARIABLE, 5, "HO"),
        ("echo ${#HO", Kind.VARIABLE, 5, "HO"),
        ('echo "a $HO', Kind.VARIABLE, 8, "HO"),
        ("echo '$HO", Kind.FILE, 5, "$HO"),
        ("echo ${HO:-x", Kind.NOTHING, 12, ""),
        ("echo ${HO:-$PA", Kind.VARIABLE, 11, "PA"),
        ("echo $((x", Kind.NOTHING, 9, ""),
        ("echo $((1)) fo", Kind.FILE, 12, "fo"),
        ("echo $? fo", Kind.FILE, 8, "fo"),
        ("echo $x/fo", Kind.NOTHING, 10, ""),
        ("echo '$' fo", Kind.FILE, 9, "fo"),
        ('echo "$" fo', Kind.FILE, 9, "fo"),
        ("ls; l", Kind.COMMAND, 4, "l"),
        ("ls | l", Kind.COMMAND, 5, "l"),
        ("ls && l", Kind.COMMAND, 6, "l"),
        ("ls &\nl", Kind.COMMAND, 5, "l"),
        ("ls \\\nl", Kind.FILE, 5, "l"),
        ("(l", Kind.COMMAND, 1, "l"),
        ("{ l", Kind.COMMAND, 2, "l"),
        ("(ls) | l", Kind.COMMAND, 7, "l"),
        ("f() { l", Kind.COMMAND, 6, "l"),
        ("if l", Kind.COMMAND, 3, "l"),
        ("for x in l", Kind.FILE, 9, "l"),
        ("for x in l; do m", Kind.COMMAND, 15, "m"),
        ("case x in a) l", Kind.COMMAND, 13, "l"),
        ("x=1 l", Kind.COMMAND, 4, "l"),
        ("x=/us", Kind.FILE, 2, "/us"),
        ("PATH=$PATH:/u", Kind.FILE, 11, "/u"),
        ("ls --f=/e", Kind.FILE, 7, "/e"),
        ("x=(a b", Kind.FILE, 5, "b"),
        ("sudo l", Kind.COMMAND, 5, "l"),
        ("sudo -u l", Kind.COMMAND, 8, "l"),
        ("cd fo", Kind.FOLDER, 3, "fo"),
        ("export FO", Kind.NAME, 7, "FO"),
        ("export FO=/x", Kind.FILE, 10, "/x"),
        ("echo $(l", Kind.COMMAND, 7, "l"),
        ('echo "$(ls fo', Kind.FILE, 11, "fo"),
        ("echo $(ls) fo", Kind.FILE, 11, "fo"),
        ("echo `l", Kind.COMMAND, 6, "l"),
        ("echo `ls` fo", Kind.FILE, 10, "fo"),
        ("diff <(l", Kind.COMMAND, 7, "l"),
        ("./f", Kind.PROGRAM, 0, "./f"),
        ("~/f", Kind.PROGRAM, 0, "~/f"),
        ("ls ~/f", Kind.FILE, 3, "~/f"),
        ("ls ~", Kind.NOTHING, 4, ""),
        ("ls ~root/f", Kind.NOTHING, 10, ""),
        ("ls '~/f", Kind.FILE, 3, "~/f"),
        ("# com", Kind.NOTHING, 5, ""),
        ("ls # com\nl", Kind.COMMAND, 9, "l"),
        ("ls a#b", Kind.FILE, 3, "a#b"),
        ("cat <<E\nfo", Kind.NOTHING, 10, ""),
        ("cat <<E\n$HO", Kind.VARIABLE, 8, "HO"),
        ("cat <<'E'\n$HO", Kind.NOTHING, 13, ""),
        ("cat <<E\nfo\nE\nl", Kind.COMMAND, 13, "l"),
        ("cat <<-E\n\tE\nl", Kind.COMMAND, 12, "l"),
    ],
)
def test_cursor(text, kind, start, value):
    cursor = find_cursor(text + "; rest", len(text))
    assert (cursor.kind, cursor.start, cursor.value) == (kind, start, value)


def test_backslash_before_the_cursor_escapes_what_comes():
    cursor = find_cursor("echo my\\", 8)
    assert (cursor.raw, cursor.value) == ("my", "my")


TYPED = st.text(alphabet="ab $'\"`\\(){}[]<>|&;#\n~/=:*é🐳", max_size=30)


@given(TYPED, st.integers(0, 40))
def test_any_text_has_a_cursor(text, position):
    cursor = find_cursor(text, position)
    assert 0 <= cursor.start <= len(text[:position])
    assert text[:position].startswith(cursor.raw, cursor.start)


NAMES = st.text(
    alphabet=st.characters(blacklist_categories=("Cs",), blacklist_characters="\0/"), min_size=1
)


@pytest.mark.parametrize(
    ("shell", "quote"),
    # Only bash has the last one everywhere.
    [*((s, q) for s in ("bash", "dash", "busybox") for q in ("", "'", '"')), ("bash", "$'")],
)
def test_what_is_quoted_is_the_name(shell, quote):
    command = [shell, "sh"] if shell == "busybox" else [shell]

    @settings(max_examples=examples(60))
    @given(NAMES)
    def check(name):
        assume("\r" not in name or quote != "$'")
        text = f"printf %s. x{quote}{quote_rest(name, quote)}{closing(quote)}"
        done = subprocess.run([*command, "-c", text], capture_output=True, check=True)
        assert done.stdout.decode() == f"x{name}."

    check()


def test_backquotes_take_no_backslashes():
    assert quote_rest("a$b", "", is_backquoted=True) is None
    assert quote_rest("a b", "", is_backquoted=True) == "a\\ b"


class Local:
    """A backend that runs the exec's command here, in a shell that is there."""

    def __init__(self, shell):
        self.shell = shell
        self.configs = []

    async def exec(self, container, config):
        self.configs.append(config)
        return self

    async def ask(self, script, arguments=()):
        return (await ask(self, "c", [Shell.SH], script, arguments))[1]

    upgraded = True

    async def read(self):
        config = self.configs[-1]
        words = ["busybox", "sh"] if self.shell == "busybox" else [self.shell]
        done = subprocess.run(  # noqa: ASYNC221 -- nothing else runs
            [*words, *config.cmd[1:]],
            capture_output=True,
            check=False,
            env={
                **config.env,
                "PATH": "/usr/bin:/bin",
                "HOME": "/root",
                "MULTI": "a\nFAKE=b'c",
                "UNI": "é",
                "LC_ALL": "C.UTF-8",
            },
        )
        return [Frame(Stream.STDOUT, done.stdout)]

    def close(self):
        pass


@pytest.fixture(params=["bash", "dash", "busybox"])
def local(request):
    return Local(request.param)


async def matches(local, text, **context):
    found = await complete(text, len(text), ask=local.ask, context=CompletionContext(**context))
    return {match.text: match.type for match in found.matches}


async def test_files_of_a_folder(local, tmp_path):
    names = ["it's", "a b", "g*", "-x", "é", "\\n", "j\nk", "$(id)", "[a]"]
    for name in names:
        (tmp_path / name).touch()
    (tmp_path / "sub").mkdir()
    (tmp_path / ".hidden").touch()
    for name in names:
        found = await matches(local, f"echo '{name[0]}", cwd=str(tmp_path))
        assert found == {"'" + name.replace("'", "'\\''") + "'": "file"}
    assert await matches(local, "echo s", cwd=str(tmp_path)) == {"sub/": "folder"}
    assert await matches(local, "cd ", cwd=str(tmp_path)) == {"sub/": "folder"}
    assert await matches(local, "cat .h", cwd=str(tmp_path)) == {".hidden": "file"}
    assert len(await matches(local, "cat ", cwd=str(tmp_path))) == len(names) + 1
    assert await matches(local, "cat x", cwd=str(tmp_path / "gone")) == {}


async def test_a_name_that_is_no_text_is_left_out(local, tmp_path):
    (tmp_path / b"x\xff".decode("utf-8", "surrogateescape")).touch()
    assert await matches(local, "cat x", cwd=str(tmp_path)) == {}


async def test_at_most_500(local, tmp_path):
    for number in range(600):
        (tmp_path / f"f{number}").touch()
    assert len(await matches(local, "cat f", cwd=str(tmp_path))) == 500


async def test_variables_of_the_exec_and_of_the_session(local):
    assert await matches(local, "echo $MUL") == {"$MULTI": "variable"}
    assert await matches(local, "echo $FAK") == {}
    assert await matches(local, "echo $FAK", variables=frozenset({"FAKE"})) == {"$FAKE": "variable"}
    assert await matches(local, "echo $mar") == {}


async def test_commands_of_the_session(local):
    found = await matches(
        local, "zz", functions=frozenset({"zzf"}), aliases=frozenset({"zza", "other"})
    )
    assert found == {"zzf": "function", "zza": "command"}
    assert (await matches(local, "expor"))["export"] == "command"


HOSTILE = ["$(touch pwned)", "`touch pwned`", "*", "'; touch pwned; '", "a[$(touch pwned)]", "-e"]


@pytest.mark.parametrize("word", HOSTILE)
async def test_nothing_is_evaluated(local, tmp_path, word):
    quoted = "'" + word.replace("'", "'\\''")
    for text in (
        word,
        f"echo {word}",
        quoted,
        f"echo {quoted}",
        f"cd {quoted}",
        f"export {quoted}",
    ):
        await matches(local, text, cwd=str(tmp_path))
        context = CompletionContext(cwd=str(tmp_path))
        await describe(text, len(text), ask=local.ask, context=context)
    assert list(tmp_path.iterdir()) == []


async def said(local, text, **context):
    return await describe(text, len(text), ask=local.ask, context=CompletionContext(**context))


async def test_descriptions(local, tmp_path):
    (tmp_path / "f").touch(mode=0o755)
    assert await said(local, "cat f", cwd=str(tmp_path)) == (
        "f: empty file, readable, writable, executable"
    )
    assert "builtin" in await said(local, "umask")
    assert "é" in await said(local, "echo $UNI")
    assert await said(local, "echo $NONE") == ""
    assert "of this session" in await said(local, "echo $NONE", variables=frozenset({"NONE"}))
    assert "function of this session" in await said(local, "ff", functions=frozenset({"ff"}))
    assert await said(local, "no-such-command-at-all") == ""


def test_secrets():
    for name in (
        "API_KEY",
        "MYSQL_PWD",
        "github_token",
        "DB_PASSWORD",
        "PGPASSWORD",
        "AWS_SECRET",
        "X_AUTH",
    ):
        assert is_secret(name)
    assert not is_secret("PATH")
    assert not is_secret("PWD")


def test_listing_of_variables():
    listing = "set\nA='x'\nB='two\nC=no'\nD='it'\"'\"'s'\n"
    assert read_variables(listing).keys() == {"A", "B", "D"}


def words(text):
    found = magic_at(text, len(text), REGISTRY)
    return None if found is None else set(found.words)


def test_magics():
    assert words("%contain") == {"%container", "%containers"}
    assert "%%exec" in words("%%e")
    assert {"-u", "--user", "--env"} & words("%%exec -u root --") == {"--user", "--env"}
    assert words("%%exec -") >= {"-c", "--container", "-t", "--timeout", "--help"}
    assert words("echo\n%contain") is None
    assert words("%container web\n%contain") == {"%container", "%containers"}
    assert words("%%exec\n%contain") is None
    assert magic_at("%container w", 12, REGISTRY).wanted is Wanted.CONTAINER
    assert magic_at("%%exec -c w", 11, REGISTRY).wanted is Wanted.CONTAINER
    for text in ("%check ", "%hint c"):
        assert magic_at(text, len(text), REGISTRY).wanted is Wanted.TASK
    assert magic_at("%lab reset w", 12, REGISTRY).wanted is Wanted.MEMBER
    assert (words("%lab r"), words("%lab "), words("%lab x")) == ({"reset"}, {"reset"}, set())
    assert (words("%check a "), words("%lab reset a "), words("%check --h")) == (
        *(set(), set()),
        {"--help"},
    )
    behind = magic_at("%%exec -u a -- ec", 17, REGISTRY)
    assert (behind.wanted, behind.word) == (Wanted.SHELL, " ec")


def test_help_of_magics():
    assert "%container" in magic_help("%container x", 3, REGISTRY)
    assert "--workdir" in magic_help("%%exec x", 3, REGISTRY)
    assert magic_help("%nothing", 3, REGISTRY) == ""
    assert magic_help("echo\n%container", 8, REGISTRY) == ""


@given(st.text(alphabet="%exc-c \n'ontainer", max_size=30), st.integers(0, 30))
def test_no_text_breaks_the_magics(text, position):
    magic_at(text, min(position, len(text)), REGISTRY)
    magic_help(text, min(position, len(text)), REGISTRY)
