"""PostgreSQL: what survives a restart of the server, what several processes may do, what a viewer and a thief see."""

from __future__ import annotations

import json
import logging
import os
import pickle
import subprocess
import sys
import threading
import time
import traceback
from contextlib import ExitStack

import pytest

from trimtab.errors import Conflict, InputError, MissingExtra, StorageError
from trimtab.records import Created, Finished, Released, Reported, Started
from trimtab.storage import Memory, PostgreSQL, open_storage
from trimtab.storage import _postgres_schema as schema
from trimtab.storage._postgres_address import Address

psycopg = pytest.importorskip("psycopg")

NASTY = "line\nNUL \0 quote ' \" backslash \\ \\u0000 \\\\ud800 halves \udc80 \udc80 \ud83d emoji \U0001f9ed end"


def created(number: int) -> Created:
    return Created(number, {"lr": 0.1, "solver": "adam"}, "sampler", 1.7e9)


@pytest.fixture
def storage(postgres_url):
    storage = PostgreSQL(postgres_url, patience=30.0)
    yield storage
    storage.close()


def ask(url, question):
    with psycopg.connect(url, autocommit=True) as db:
        return db.execute(question).fetchall()


def test_memory_and_database_give_the_same(storage):
    memory = Memory()
    for each in (memory, storage):
        each.append("s", [created(0), Started(0, 0, {"pid": 1}, 2.0)])
        each.append("t", [created(0)])
        each.append("s", [Reported(0, 0, (1.0, 2.0), (2.0, 0.5), 3.0)])

    assert memory.read("s") == storage.read("s")
    assert memory.names() == storage.names() == ["s", "t"]


def test_what_was_appended_is_there_after_reopening(postgres_url):
    for url in (
        postgres_url,
        postgres_url.replace("postgresql:", "postgres:"),
        postgres_url.replace(":", "+psycopg:", 1),
    ):
        storage = open_storage(url)
        assert isinstance(storage, PostgreSQL)
        if not storage.names():
            storage.append("s", [created(0), created(1)])
        assert storage.read("s") == ([created(0), created(1)], 2)
        storage.close()
    with pytest.raises(StorageError, match="closed"):
        storage.read("s")


def test_a_refused_append_leaves_no_gap_in_the_positions(storage):
    storage.append("s", [created(0)])
    with pytest.raises(Conflict, match=r"created 0 \(0\)"):
        storage.append("s", [created(1), created(0)])
    storage.append("s", [created(1)])

    assert storage.read("s", 1) == ([created(1)], 2)


# The view


def trials(url):
    columns = "study, number, state, value, outcomes, gradient, seconds, params, error"
    return ask(url, f"SELECT {columns} FROM trimtab.trials ORDER BY study, number")


def test_the_trials_view_reads_without_trimtab(storage, postgres_url):
    storage.append("s", [created(n) for n in range(4)])
    storage.append("s", [Started(n, 0, {}, 1.7e9 + 60) for n in range(3)])
    told = Finished(0, "finished", 0.5, 2.0, None, 1.7e9 + 62, {"value": 0.5, "memory": 7.0}, {"lr": -1.0})
    storage.append("s", [Released(1, 0, 1.7e9 + 61), told])
    storage.append("s", [Finished(2, "failed", None, None, "boom", 1.7e9 + 63)])

    params = '{"lr":0.1,"solver":"adam"}'
    assert trials(postgres_url) == [
        ("s", 0, "finished", 0.5, '{"value":0.5,"memory":7.0}', '{"lr":-1.0}', 2.0, params, None),
        ("s", 1, "created", None, None, None, None, params, None),
        ("s", 2, "failed", None, None, None, None, params, "boom"),
        ("s", 3, "created", None, None, None, None, params, None),
    ]
    times = ask(postgres_url, "SELECT created, started, finished FROM trimtab.trials WHERE number = 0")[0]
    assert [moment.timestamp() for moment in times] == [1.7e9, 1.7e9 + 60, 1.7e9 + 62]


def test_the_view_shows_any_text_and_any_damage(storage, postgres_url):
    storage.append(NASTY, [Created(0, {NASTY: NASTY}, "sampler", 1e300)])
    storage.append(NASTY, [Finished(0, "failed", None, None, NASTY, 0.0, {NASTY: 1.0})])
    storage.append("t", [created(n) for n in range(3)])
    for number, body in enumerate(
        ("no JSON", '{"params": "\\u00', '{"value": "many", "state": ["?"], "seconds": 1e999}')
    ):
        with psycopg.connect(postgres_url) as db:
            db.execute(
                "INSERT INTO trimtab.events VALUES (2, %s, 'finished', %s, 0, 'NaN', %s)", (99 + number, number, body)
            )

    shown = trials(postgres_url)
    assert ask(postgres_url, "SELECT count(created) FROM trimtab.trials WHERE number = 0") == [(1,)]  # 1e300 is no date
    by_study = {study: error for study, _, _, _, _, _, _, _, error in shown}
    expected = NASTY.replace("\0", "\ufffd").replace("\udc80", "\ufffd").replace("\ud83d", "\ufffd")
    assert by_study[shown[0][0]] == expected
    assert json.loads(shown[0][4]) == {expected: 1.0}
    assert [(state, value, seconds) for _, _, state, value, _, _, seconds, _, _ in shown[1:]] == [
        (None, None, None),
        (None, None, None),
        ('["?"]', None, None),
    ]
    with pytest.raises(StorageError, match="no trimtab wrote"):
        storage.read("t")


# Several at once

WRITER = """
import sys
from trimtab.errors import Conflict
from trimtab.records import Created, Finished, Started
from trimtab.storage import PostgreSQL
url, me = sys.stdin.readline().strip(), int(sys.argv[1])
storage, won = PostgreSQL(url), []
print("ready", flush=True)
sys.stdin.readline()
for number in range(40):
    try:
        storage.append("s", [Created(number, {}, "sampler", 0.0), Started(number, 0, {"pid": me}, 0.0)])
        storage.append("s", [Finished(number, "finished", 1.0, 0.0, None, 0.0)])
        won.append(number)
    except Conflict:
        pass
    storage.append("s", [Created(1000 * me + number, {}, "sampler", 0.0)])
print(len(won), flush=True)
storage.close()
"""


@pytest.fixture
def start():
    """Starts a process that runs a program and reads the URL: on the command line others would see it."""
    with ExitStack() as end:

        def begin(program, url, *arguments):
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
            process = end.enter_context(
                subprocess.Popen([sys.executable, "-c", program, *map(str, arguments)], **pipes)
            )
            end.callback(process.kill)
            process.stdin.write(f"{url}\n")
            process.stdin.flush()
            return process

        yield begin


def test_a_reader_misses_nothing_while_four_processes_write(start, postgres_url):
    """All make the tables at the same time, race for the same numbers and append to one log that a fifth one follows."""
    writers = [start(WRITER, postgres_url, n) for n in range(1, 5)]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n", writer.stderr.read()
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    storage = PostgreSQL(postgres_url)
    followed, position = [], 0
    while any(writer.poll() is None for writer in writers) or storage.read("s", position)[0]:
        events, last = storage.read("s", position)
        assert last - position == len(events)  # no gap that could be filled later
        followed, position = followed + events, last
        time.sleep(0.001)
    ends = [writer.communicate(timeout=60) for writer in writers]

    assert sum(int(out) for out, _ in ends) == 40, [error for _, error in ends]
    assert followed == storage.read("s")[0]
    kinds = [event.kind for event in followed]
    assert (kinds.count("created"), kinds.count("started"), kinds.count("finished")) == (200, 40, 40)
    storage.close()


def test_threads_and_many_studies_share_a_storage(storage):
    def work(name):
        for number in range(20):
            storage.append(name, [created(number)])

    threads = [threading.Thread(target=work, args=(f"s{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(storage.names()) == ["s0", "s1", "s2", "s3"]
    assert all(storage.read(name) == ([created(n) for n in range(20)], 20) for name in storage.names())


FORK = """
import os, sys
from trimtab.records import Created
from trimtab.storage import PostgreSQL
storage = PostgreSQL(sys.stdin.readline().strip())
storage.append("s", [Created(0, {}, "sampler", 0.0)])
children = []
for number in range(1, 4):
    child = os.fork()
    if child == 0:
        for k in range(10):
            storage.append("s", [Created(number + 10 * k, {}, "sampler", 0.0)])
        storage.close()
        os._exit(0)
    children.append(child)
for k in range(10):
    storage.append("s", [Created(5 + 10 * k, {}, "sampler", 0.0)])
assert all(os.waitpid(child, 0)[1] == 0 for child in children)
print(len(storage.read("s")[0]))
storage.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_uses_a_connection_of_its_own(start, postgres_url):
    out, error = start(FORK, postgres_url).communicate(timeout=60)

    assert out.strip() == "41", error


def test_travels_to_another_process_as_its_url(storage):
    storage.append("s", [created(0)])

    copy = pickle.loads(pickle.dumps(storage))

    assert copy.read("s")[0] == [created(0)]
    copy.close()


# Turns


def test_a_turn_is_held_by_one_and_ends_with_its_connection(storage, postgres_url, monkeypatch):
    monkeypatch.setattr("trimtab.storage._postgres._TURN", 600)
    other = PostgreSQL(postgres_url)
    with storage.turn("s"):
        with other.turn("t"):
            pass
        begun = time.monotonic()
        with other.turn("s"):  # not free: after a while it goes on without
            assert 0.5 < time.monotonic() - begun < 5.0
            other.append("s", [created(0)])
        assert ask(postgres_url, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(1,)]
        storage._session._db.close()  # as when the process dies
        with other.turn("s"):
            assert ask(postgres_url, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(1,)]
    assert ask(postgres_url, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)]
    assert storage.read("s")[0] == [created(0)]
    other.close()


def test_threads_of_one_storage_take_turns_too(storage):
    inside, most = [], []

    def work():
        for _ in range(10):
            with storage.turn("s"):
                inside.append(1)
                most.append(len(inside))
                storage.read("s")
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 30


# Restarts and lost connections

STEADY = """
import sys
from trimtab.records import Created, Started
from trimtab.storage import PostgreSQL
url, me = sys.stdin.readline().strip(), int(sys.argv[1])
storage = PostgreSQL(url, patience=60)
number = 0
while True:
    storage.append("s", [Created(1000 * number + me, {}, "sampler", 0.5), Started(1000 * number + me, 0, {}, 0.25)])
    print(1000 * number + me, flush=True)
    number += 1
"""


def test_a_restart_in_the_middle_loses_and_doubles_nothing(start, postgres_server, postgres_url):
    PostgreSQL(postgres_url).close()
    writers = [start(STEADY, postgres_url, n) for n in range(2)]
    heard = [[int(writer.stdout.readline()) for _ in range(20)] for writer in writers]
    for mode, pause in (("fast", 0.0), ("immediate", 0.3)):
        postgres_server.restart(mode, pause)
        for writer, numbers in zip(writers, heard, strict=True):
            numbers += [int(writer.stdout.readline()) for _ in range(20)]
    for writer, numbers in zip(writers, heard, strict=True):
        writer.kill()
        numbers += [int(line) for line in writer.stdout]

    storage = PostgreSQL(postgres_url)
    events, position = storage.read("s")
    assert position == len(events)
    for me, numbers in enumerate(heard):
        found = [event.number for event in events if event.kind == "created" and event.number % 1000 == me]
        assert numbers == [1000 * k + me for k in range(len(numbers))]  # none raised
        assert found[: len(numbers)] == numbers  # each once, in order
        assert len(found) <= len(numbers) + 1
    assert [event.kind for event in events] == ["created", "started"] * (len(events) // 2)
    storage.close()


class Unheard:
    """A connection that commits a statement, and dies before its answer comes."""

    def __init__(self, db):
        self._db = db
        self.broken = False

    def __getattr__(self, name):
        return getattr(self._db, name)

    def execute(self, statement, told=()):
        self._db.execute(statement, told)
        self._db.close()
        raise psycopg.OperationalError("server closed the connection unexpectedly")


def test_an_append_whose_answer_was_lost_is_there_once(storage):
    storage.append("s", [created(0)])
    storage._session._db = Unheard(storage._session._db)

    storage.append("s", [created(1), Started(1, 0, {}, 2.0)])

    assert storage.read("s") == ([created(0), created(1), Started(1, 0, {}, 2.0)], 3)


def test_an_append_that_another_won_meanwhile_is_a_conflict(storage, postgres_url):
    """The answer was lost, and what is there is not quite what was sent: another process's."""
    storage.append("s", [created(0)])
    other = PostgreSQL(postgres_url)
    other.append("s", [created(1), Started(1, 0, {"pid": 2}, 2.0)])
    other.close()
    lost = Unheard(storage._session._db)
    lost._db.close()
    storage._session._db = lost

    with pytest.raises(Conflict, match="started 1"):
        storage.append("s", [Started(1, 0, {"pid": 1}, 2.0)])


def test_a_terminated_session_comes_back(storage, postgres_url):
    storage.append("s", [created(0)])
    for number in range(1, 4):
        ask(postgres_url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'trimtab'")
        storage.append("s", [created(number)])

    assert storage.read("s")[1] == 4


def test_a_server_that_stays_away_is_an_error_in_time(postgres_server, postgres_url, caplog):
    storage = PostgreSQL(postgres_url, patience=1.2)
    postgres_server.stop()
    try:
        with (
            caplog.at_level(logging.WARNING, "trimtab"),
            pytest.raises(StorageError, match="no connection for 1 s") as caught,
        ):
            storage.append("s", [created(0)])
    finally:
        postgres_server.start()
    storage.append("s", [created(0)])  # it may be used again
    storage.close()

    assert "no connection to the storage postgresql://***@127.0.0.1" in caplog.text
    assert postgres_server.password not in str(caught.value) + caplog.text


def test_an_outage_and_its_end_are_logged_once_each(postgres_server, postgres_url, caplog):
    storage = PostgreSQL(postgres_url)
    storage.append("s", [created(0)])
    postgres_server.stop()
    starting = threading.Timer(1.0, postgres_server.start)
    starting.start()
    with caplog.at_level(logging.INFO, "trimtab"):
        storage.append("s", [created(1)])
    starting.join()
    storage.close()

    assert [record.event for record in caplog.records] == ["connection_lost", "connection_back"]
    assert 0.3 < caplog.records[1].seconds < 30
    assert postgres_server.password not in caplog.text


# Versions


def test_a_newer_database_is_refused(postgres_url):
    PostgreSQL(postgres_url).close()
    with psycopg.connect(postgres_url) as db:
        db.execute("UPDATE trimtab.version SET version = 99")

    for how in ({}, {"readonly": True}, {"must_exist": True}):
        with pytest.raises(StorageError, match=r"version 99.*install --upgrade trimtab"):
            PostgreSQL(postgres_url, **how)


def test_an_older_database_is_brought_up_to_date(postgres_url, monkeypatch):
    old = PostgreSQL(postgres_url)
    old.append("s", [created(0)])
    old.close()
    monkeypatch.setattr(schema, "STEPS", [*schema.STEPS, "ALTER TABLE trimtab.studies ADD COLUMN note text"])
    with pytest.raises(StorageError, match=r"version 1.*for writing"):
        PostgreSQL(postgres_url, readonly=True)

    several = [threading.Thread(target=lambda: PostgreSQL(postgres_url).close()) for _ in range(3)]
    for thread in several:
        thread.start()
    for thread in several:
        thread.join()

    assert ask(postgres_url, "SELECT version, note FROM trimtab.version, trimtab.studies") == [(2, None)]
    new = PostgreSQL(postgres_url)
    assert new.read("s")[0] == [created(0)]
    new.close()


def test_the_schema_of_another_program_is_left_alone(postgres_url):
    with psycopg.connect(postgres_url) as db:
        db.execute("CREATE SCHEMA trimtab")
        db.execute("CREATE TABLE trimtab.theirs (a int)")

    with pytest.raises(StorageError, match="another program"):
        PostgreSQL(postgres_url)
    assert ask(postgres_url, "SELECT relname::text FROM pg_class WHERE relnamespace = 'trimtab'::regnamespace") == [
        ("theirs",)
    ]


# Viewers, rights


def test_a_viewer_makes_nothing_and_changes_nothing(postgres_url):
    for how in ({"readonly": True}, {"must_exist": True}):
        with pytest.raises(StorageError, match="holds no study"):
            open_storage(postgres_url, **how)
    assert ask(postgres_url, "SELECT count(*) FROM pg_namespace WHERE nspname = 'trimtab'") == [(0,)]
    writer = PostgreSQL(postgres_url)
    writer.append("s", [created(0)])

    viewer = open_storage(postgres_url, readonly=True)
    assert viewer.read("s") == ([created(0)], 1)
    assert viewer.names() == ["s"]
    for change in (lambda: viewer.append("s", [created(1)]), lambda: viewer.beat("w", {})):
        with pytest.raises(StorageError, match="reading only"):
            change()
    with pytest.raises(StorageError, match="takes no changes"):
        viewer._session.run(lambda db: db.execute("DELETE FROM trimtab.events"))
    viewer.close()
    writer.close()


def test_a_user_without_the_right_is_told_so(postgres_server, postgres_url):
    with psycopg.connect(postgres_url, autocommit=True) as db:
        db.execute("DROP ROLE IF EXISTS visitor")
        db.execute("CREATE ROLE visitor LOGIN PASSWORD 'hush-hush'")
    url = postgres_url.replace(f"{postgres_server.user}:{postgres_server.password}", "visitor:hush-hush")

    with pytest.raises(StorageError, match="a right is missing"):
        PostgreSQL(url)


# Secrets


def told(action):
    """All that an error shows: its text, its traceback, what it carries along."""
    with pytest.raises((StorageError, InputError)) as caught:
        action()
    shown = "".join(traceback.format_exception(caught.value))
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return shown.split("Error: ", 1)[1], str(caught.value)  # the source lines above quote this test


@pytest.mark.parametrize(
    "place", ["jane:s3cr%2Ft@{}", "{}?user=jane&password=s3cr%2Ft", "jane@{}?password=s3cr%2Ft&connect_timeout=3"]
)
def test_a_refused_password_is_shown_nowhere(postgres_server, place):
    host = f"127.0.0.1:{postgres_server.port}/postgres"

    shown, text = told(lambda: PostgreSQL("postgresql://" + place.format(host)))

    assert f"postgresql://***@{host}" in text
    assert "authentication failed" in text
    assert "Check user and password" in text
    assert not any(secret in shown for secret in ("s3cr/t", "s3cr%2Ft", "jane"))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://jane:s3cret@[::1/db",
        "postgresql://jane:s3cret@host/db?pasword=s3cret",
        "postgresql://jane:s3cret%zz@host/db",
        "postgresql://jane:s3cret@host/db\0",
    ],
)
def test_a_url_that_cannot_be_read_is_not_repeated(url):
    shown, text = told(lambda: open_storage(url))

    assert "postgresql://" in text
    assert "s3cret" not in shown
    assert "jane" not in shown


def test_what_people_see_of_a_storage_is_masked(storage, postgres_server):
    shown = f"{storage!r} {storage.describe()} {storage._session.address!r} {vars(storage._session)!r}"
    storage.append("s", [created(0)])
    with pytest.raises(Conflict) as caught:
        storage.append("s", [created(0)])

    for text in (shown, str(caught.value)):
        assert f"postgresql://***@127.0.0.1:{postgres_server.port}/postgres" in text
        assert postgres_server.password not in text
    assert Address.of("postgresql:///db").shown == "postgresql:///db"
    several = "postgresql://jane:s3cret@one:1,two,[::1]:3/a%20b?target_session_attrs=read-write&sslpassword=s3cret"
    assert Address.of(several).shown == "postgresql://***@one:1,two,[::1]:3/a%20b"
    message = 'FATAL: user "jane" with s3cret in\n janet'
    assert Address.of(several).clean(message) == 'FATAL: user "***" with *** in janet'


def test_the_extra_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg.conninfo", None)

    with pytest.raises(MissingExtra, match=r"trimtab\[postgres\]") as caught:
        open_storage("postgresql://jane:s3cret@host/db")
    assert "s3cret" not in str(caught.value)
