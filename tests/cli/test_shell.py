"""Commands for the shell: a value is one word, whatever it holds."""

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.cli._shell import check_shell, fill_shell
from trimtab.errors import InputError

NASTY = [
    "$(touch x)",
    "`touch x`",
    "'; touch x; '",
    '"; touch x',
    "a\nb",
    "*",
    "~",
    "",
    "a  b",
    "\\",
    "-n",
    "{lr}",
    "#",
    "é\u2028",
]


def shell(text, **values):
    check_shell(text)
    command = ["/bin/sh", "-c", fill_shell(text, values)]
    return subprocess.run(command, capture_output=True, check=True).stdout.decode()


@pytest.mark.parametrize("value", NASTY)
def test_a_value_is_one_word(value, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert (
        shell("printf '%s|' a {v} --x={v}b 'it''s' | cat # {v}".replace(" # {v}", ""), v=value)
        == f"a|{value}|--x={value}b|its|"
    )
    assert list(tmp_path.iterdir()) == []


def test_the_shell_works_as_one():
    assert shell("echo {n} | sed s/1/2/ && x=3; echo $x; echo {{}}", n=11) == "21\n3\n{}\n"


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("train --lr {lr} --momentum {m} --fast", "train --lr 0.1 --fast"),
        ("train --momentum={m}", "train"),
        ("train -m  {m};ls", "train -m  ;ls"),
        ("train {m} x", "train  x"),
        ("train a{m}b", "train ab"),
    ],
)
def test_an_inactive_hyperparameter_takes_its_option_with_it(text, filled):
    assert " ".join(fill_shell(text, {"lr": 0.1}).split()) == " ".join(filled.split())


@pytest.mark.parametrize(
    "text",
    [
        'echo "{v}"',
        "echo '{v}'",
        "echo `ls {v}`",
        "echo $(ls {v})",
        'echo "$(echo "{v}")"',
        "cat <<EOF\n{v}\nEOF",
        "echo $(({v}))",
        "echo \\{v}",
        "echo ${v}",
        "echo ${{x:-{v}}}",
        "echo $'a' {v}",
        "# it's\necho '{v}'",
        "echo a#'{v}'",
        'echo "it\'s \\" {v}"',
        "# {v}",
    ],
)
def test_where_a_value_could_be_interpreted_it_is_refused(text):
    with pytest.raises(InputError, match=r"has \{v\} behind"):
        check_shell(text)


@pytest.mark.parametrize(
    "text", ["echo 'a' {v} \"b\"", "echo \\\\ {v}", "# it's\necho {v}", "echo '\\' {v}", "x=1;echo a#b {v}"]
)
def test_where_the_shell_reads_words_it_is_allowed(text):
    assert "$(x)" in shell(text, v="$(x)")


@settings(max_examples=60, deadline=None)
@given(
    before=st.text("ab '\"\\#$\n;`(<{}", max_size=6).map(lambda t: t.replace("{", "{{").replace("}", "}}")),
    after=st.text("a '\"", max_size=3),
)
def test_no_text_around_a_placeholder_lets_a_value_run(before, after, tmp_path_factory):
    """Either the text is refused, or the value runs nothing, even where the text itself is wrong."""
    text = f"{before}{{v}}{after}"
    try:
        check_shell(text)
    except InputError:
        return
    folder = tmp_path_factory.getbasetemp() / "shell"
    folder.mkdir(exist_ok=True)
    value = "$(touch hit)`touch hit`;touch hit\n'touch hit'\";touch hit;\""
    subprocess.run(["/bin/sh", "-c", fill_shell(text, {"v": value})], cwd=folder, capture_output=True)

    assert not (folder / "hit").exists()
