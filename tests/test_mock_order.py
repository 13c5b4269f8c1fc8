"""The order of a tape while a client plays its part, and what a mismatch says.

No door: neither streams nor time, a score is told what the client does.
"""

import json
import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripts import API, URL, answered, asked, body, failed, hung_up, tape, up

from tapefold.adapter import Free, Taping
from tapefold.errors import Mismatch, SessionError
from tapefold.mock.freedom import free_request
from tapefold.mock.lanes import Ear
from tapefold.mock.match import Ids, differences, frame_fields, request_fields
from tapefold.mock.part import Part
from tapefold.mock.score import Score
from tapefold.mock.timeline import Timeline

NO = Taping()


class Listener:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[int] = []

    def answer(self, line: int) -> None:
        self.told.append(line)

    def hand(self, lines: Sequence[int]) -> None:
        self.told += lines


def play(timeline: Timeline, *, strict: bool = False) -> Part:
    return Part(Score(timeline, strict=strict))


def post(part: Part, path: str, heard: list[int] | None = None, method: str = "POST") -> int | None:
    return part.request((method, API + path, {}, ""), ([] if heard is None else heard).append)


def connected(part: Part, lane: str, url: str = URL) -> Listener:
    """Dialled by its name, and let in."""
    listener = Listener()
    assert part.dial(lane, url)
    assert part.knock(url, lane, listener) == [lane]
    deliver(part)
    part.become(lane, listener)
    return listener


def deliver(part: Part) -> int:
    """Play the next line. It must be there."""
    line = part.score.next()
    assert line is not None
    part.score.deliver(part.score.run(line, 1, 1 << 62))
    return line


# Fields


def test_a_request_is_laid_out_by_field() -> None:
    taping = Taping(volatile=frozenset({"signature"}), headers_sent=frozenset({"x-key"}))
    url = "https://h:1/p?a=1&a=2&b=&signature=zz"
    headers = {"X-Key": "k", "Cookie": "c"}
    assert request_fields("GET", url, headers, "", taping) == {
        "method": "GET",
        "host": "h:1",
        "path": "/p",
        "query.a": '"1"',
        "query.a#2": '"2"',
        "query.b": '""',
        "header.x-key": '"k"',
    }


def test_bodies_are_laid_out_as_json_as_a_form_or_whole() -> None:
    def fields(text: str) -> dict[str, str]:
        made = request_fields("POST", "https://h", {}, text, Taping(volatile=frozenset({"t"})))
        return {key: value for key, value in made.items() if key.startswith("body")}

    assert fields('{"a":[1,{"b":null}],"t":5}') == {"body.a[0]": "1", "body.a[1].b": "null"}
    assert fields("a=1&t=2") == {"body.a": '"1"'}
    assert fields("{no JSON") == {"body": '"{no JSON"'}
    assert fields("plain\ntext=1") == {"body": '"plain\\ntext=1"'}


def test_numbers_are_compared_as_they_were_written() -> None:
    assert frame_fields('{"a":1.10,"b":1.1,"c":"1.1","d":123456789012345678901234}', NO) == {
        "a": "1.10",
        "b": "1.1",
        "c": '"1.1"',
        "d": "123456789012345678901234",
    }
    assert frame_fields(b"\x01\xff", NO) == {"bytes": "01 ff"}
    assert frame_fields("hello", NO) == {"text": '"hello"'}


def test_a_difference_is_a_line_for_each_field() -> None:
    ours = frame_fields('{"price":"1.0","more":2}', NO)
    theirs = frame_fields('{"price":"2.0","side":"BUY"}', NO)
    assert differences(ours, theirs, NO, Ids()) == [
        '≠ price: asked "1.0", recorded "2.0"',
        '- side: "BUY"',
        "+ more: 2",
    ]


# Matching


def test_a_request_that_differs_says_how_and_from_what() -> None:
    part = play(
        tape(asked(1, "POST", "/order?price=2.0&side=BUY"), answered(1), http={1: body("{}")})
    )
    with pytest.raises(Mismatch) as found:
        post(part, "/order?price=1.0&side=BUY&x=1")
    assert str(found.value).splitlines() == [
        "the client's POST /v3/order is not on the tape",
        '    method=POST, host=api.x.test, path=/v3/order, query.price="1.0", query.side="BUY", '
        'query.x="1"',
        "  nearest is line 1 (x/http request POST /v3/order):",
        '    ≠ query.price: asked "1.0", recorded "2.0"',
        '    + query.x: "1"',
        "  the tape stands at:",
        "    ▶ ·    0.0010s line 1 (x/http request POST /v3/order)",
        '      ·    0.0020s line 2 (x/http response {"n":1,"status":200})',
    ]
    assert part.score.failure is found.value


def test_a_request_that_was_used_already_says_so() -> None:
    part = play(tape(asked(1, "GET", "/time"), answered(1), http={1: body("{}")}))
    post(part, "/time", method="GET")
    with pytest.raises(
        Mismatch, match=r"already used:\n    \(equal: the tape has it fewer times\)"
    ):
        post(part, "/time", method="GET")


def test_a_host_that_the_tape_does_not_know_is_refused_by_name() -> None:
    part = play(tape(asked(1, "GET", "/time"), answered(1), http={1: body("{}")}))
    with pytest.raises(Mismatch) as found:
        part.request(("GET", "https://api.real.com/v3/time", {}, ""), lambda line: None)
    assert str(found.value) == (
        "nothing leaves this machine: the client wants api.real.com, and the tape has api.x.test"
    )


def test_what_signing_adds_is_not_compared() -> None:
    headers = {"x-mode": "a"}
    part = play(tape(asked(1, "GET", "/me?s=1", headers=headers), answered(1), http={1: body("")}))
    url = f"{API}/me?timestamp=17&s=1&signature=ab"
    assert part.request(("GET", url, {"x-mode": "a", "X-Key": "secret"}, ""), print) == 1


def test_a_declared_header_that_the_tape_has_is_compared() -> None:
    part = play(
        tape(asked(1, "GET", "/me", headers={"x-mode": "a"}), answered(1), http={1: body("")})
    )
    with pytest.raises(Mismatch, match=re.escape('≠ header.x-mode: asked "b", recorded "a"')):
        part.request(("GET", f"{API}/me", {"x-mode": "b"}, ""), print)


def test_equal_requests_get_their_own_answers_by_their_ids() -> None:
    rows = [asked(n, "POST", f"/order?newClientOrderId=a{n}") for n in (1, 2, 3)]
    part = play(tape(*rows, *map(answered, (1, 2, 3)), http={n: body("{}") for n in (1, 2, 3)}))
    assert post(part, "/order?newClientOrderId=a3") == 3
    assert post(part, "/order?newClientOrderId=b7") == 1
    assert post(part, "/order?newClientOrderId=a2") == 2
    text = '{"c":"a1","x":"a10","y":"a2","a1":"z"}'
    assert part.score.ids.rewrite(text, "x/1") == '{"c":"b7","x":"a10","y":"a2","b7":"z"}'


def test_an_id_stays_the_one_that_it_was_bound_to() -> None:
    rows = [asked(1, "POST", "/order?newClientOrderId=a"), answered(1)]
    rows += [asked(2, "GET", "/order?origClientOrderId=a"), answered(2)]
    part = play(tape(*rows, http={1: body(""), 2: body("")}))
    assert post(part, "/order?newClientOrderId=b") == 1
    with pytest.raises(
        Mismatch, match=re.escape('≠ query.origClientOrderId: asked "c", recorded "b"')
    ):
        post(part, "/order?origClientOrderId=c", method="GET")


def test_one_id_is_never_bound_to_two() -> None:
    rows = [asked(n, "POST", f"/order?newClientOrderId=a{n}") for n in (1, 2)]
    part = play(tape(*rows, *map(answered, (1, 2)), http={n: body("{}") for n in (1, 2)}))
    assert post(part, "/order?newClientOrderId=b") == 1
    with pytest.raises(Mismatch):
        post(part, "/order?newClientOrderId=b")


def test_counted_ids_are_those_of_a_lane() -> None:
    rows = [*up("x/1"), *up("x/2", URL + "2")]
    rows += [("x/1", "sent", '{"id":1,"m":"a"}'), ("x/2", "sent", '{"id":1,"m":"a"}')]
    part = play(tape(*rows))
    connected(part, "x/1")
    connected(part, "x/2", URL + "2")
    part.say("x/1", '{"id":5,"m":"a"}')
    part.say("x/2", '{"id":6,"m":"a"}')
    said = '{"result":null,"id":1}'
    assert part.score.ids.rewrite(said, "x/1") == '{"result":null,"id":5}'
    assert part.score.ids.rewrite(said, "x/2") == '{"result":null,"id":6}'
    assert part.score.ids.rewrite('{"id":"1","n":1}', "x/2") == '{"id":"6","n":1}'
    assert not part.score.failure


def test_an_id_that_is_a_number_is_replaced_by_its_fields_name_and_nowhere_else() -> None:
    taping = Taping(minted=frozenset({"clientId", "origId"}))
    ids = Ids()
    fields = [frame_fields(text, taping) for text in ('{"clientId":7}', '{"clientId":5}')]
    new = ids.unify(fields[0], fields[1], taping, "x/1", exact=False)
    assert new is not None
    ids.bind(new, taping)
    said = '{"clientId":5,"price":"5","side":"5","qty":5,"origId":"5","n":{"clientId": 55}}'
    wanted = '{"clientId":7,"price":"5","side":"5","qty":5,"origId":"7","n":{"clientId": 55}}'
    assert ids.rewrite(said, "x/1") == wanted
    assert ids.rewrites("x/2")
    assert [ids.named_in(text) for text in ('{"price":"5"}', '{"origId":5}')] == [False, True]


def test_a_long_number_in_quotes_is_an_id_like_a_word() -> None:
    part = play(tape(asked(1, "POST", "/order?newClientOrderId=1700000000123"), cut=True))
    post(part, "/order?newClientOrderId=1800000000456")
    told = part.score.ids.rewrite('{"c":"1700000000123","t":1700000000123}', "x/1")
    assert told == '{"c":"1800000000456","t":1700000000123}'


def test_ids_in_a_list_are_ids_too() -> None:
    taping = Taping(minted=frozenset({"orderIds"}))
    ours, theirs = (frame_fields(f'{{"orderIds":{s}}}', taping) for s in ('["c","d"]', '["a","b"]'))
    new = Ids().unify(ours, theirs, taping, "x/1", exact=False)
    assert new == {("", "a"): "c", ("", "b"): "d"}


def test_the_nearest_is_one_that_is_equal_even_if_it_is_used() -> None:
    rows = [asked(1, "GET", "/depth?symbol=A"), answered(1)]
    rows += [asked(2, "GET", "/depth?symbol=B"), answered(2)]
    part = play(tape(*rows, http={1: body(""), 2: body("")}))
    post(part, "/depth?symbol=A", method="GET")
    with pytest.raises(Mismatch, match=r"nearest is line 1 .*, already used:\n    \(equal"):
        post(part, "/depth?symbol=A", method="GET")


def test_an_id_that_stands_for_another_is_said() -> None:
    rows = [asked(n, "POST", f"/order?newClientOrderId={x}") for n, x in ((1, "a"), (2, "b"))]
    part = play(tape(*rows, cut=True))
    post(part, "/order?newClientOrderId=zz")
    with pytest.raises(Mismatch) as found:
        post(part, "/order?newClientOrderId=zz")
    row = '    ≠ query.newClientOrderId: asked "zz", which already stands for a, recorded "b"'
    assert row in str(found.value).splitlines()


def test_a_long_difference_is_cut() -> None:
    part = play(tape(*up("x/1"), ("x/1", "sent", json.dumps([f"s{n}" for n in range(400)]))))
    connected(part, "x/1")
    part.say("x/1", '["' + '","'.join(f"t{n}" for n in range(400)) + '"]')
    told = str(part.score.failure).splitlines()
    assert sum(row.startswith("    ≠ ") for row in told) == 20
    assert "    … and 380 more" in told


# Connections


def test_a_connection_is_the_lane_that_it_was_dialled_as() -> None:
    part = play(tape(*up("x/1"), *up("x/2")))
    assert part.dial("x/2", URL)
    assert not part.dial("x/2", URL)
    assert not part.dial("x/1", URL + "/else")
    assert not part.dial("x/9", URL)


def test_a_connection_without_a_name_is_the_lane_that_its_first_frame_says() -> None:
    rows = [*up("x/1"), *up("x/2"), ("x/1", "sent", "a"), ("x/2", "sent", "b")]
    part = play(tape(*rows))
    among = part.knock(URL, "", Listener())
    assert among == ["x/1", "x/2"]
    assert part.identify(among, "b") == "x/2"
    assert part.identify(among, "c") is None
    assert str(part.score.failure).startswith(
        "the client's first frame on a connection that may be x/1, x/2 is not on the tape"
    )


def test_a_lane_after_another_of_its_url_waits_for_its_end() -> None:
    part = play(tape(*up("x/1"), hung_up("x/1", "exchange", 1006), *up("x/2")))
    assert part.knock(URL, "", Listener()) == ["x/1"]
    assert part.knock(URL, "", Listener()) == []
    assert str(part.score.failure) == (
        f"the client connected to {URL}: the tape has 2 (x/1, x/2), taken or not due yet"
    )


def test_a_url_that_is_not_on_the_tape_is_named() -> None:
    part = play(tape(*up("x/1")))
    assert part.knock(URL + "/other", "", Listener()) == []
    assert str(part.score.failure) == (
        f"the client connected to {URL}/other: the tape has no such connection; it has\n    {URL}"
    )


# The order


def two_orders() -> Timeline:
    """Two orders over HTTP, each filled on a lane of its own; a poll that changes nothing before both."""
    rows = [*up("x/1"), *up("x/2", URL + "2"), asked(1, "GET", "/time")]
    rows += [asked(2, "POST", "/order?newClientOrderId=a"), ("x/1", "recv", '{"fill":"a"}')]
    rows += [asked(3, "POST", "/order?newClientOrderId=b"), ("x/2", "recv", '{"fill":"b"}')]
    return tape(*rows, *map(answered, (1, 2, 3)), http={n: body("{}") for n in (1, 2, 3)})


def test_frames_wait_for_all_writes_above_them_as_a_set_and_for_no_get() -> None:
    part = play(two_orders())
    connected(part, "x/1")
    connected(part, "x/2", URL + "2")
    score = part.score
    assert score.next() is None
    assert score.detour() is None
    post(part, "/order?newClientOrderId=b")  # in another order than it was recorded
    assert score.detour() == 11  # its own answer, but no fill
    post(part, "/order?newClientOrderId=a")
    assert score.next() is None  # the GET is still missing, in the tape's order
    assert score.detour() == 6  # but it changes nothing
    first = "line 8 (x/http request POST /v3/order) came before line 7 "
    assert [text.partition("(x/1 recv")[0] for text in score.early] == [first]


def test_strict_lets_nobody_be_ahead_of_the_exchange() -> None:
    part = play(two_orders(), strict=True)
    connected(part, "x/1")
    connected(part, "x/2", URL + "2")
    post(part, "/order?newClientOrderId=a")  # before the GET, which is the client's own affair
    assert part.score.failure is None
    post(part, "/order?newClientOrderId=b")
    assert str(part.score.failure).startswith("out of order: line 8 ")


def test_as_a_last_resort_a_frame_goes_that_names_an_order_of_the_clients() -> None:
    rows = [*up("x/1"), *up("x/2", URL + "2"), asked(1, "POST", "/order?newClientOrderId=b")]
    rows += [asked(2, "POST", "/order?newClientOrderId=a"), ("x/2", "recv", '{"c":"b"}')]
    rows += [("x/1", "recv", '{"c":"a"}')]
    part = play(tape(*rows, cut=True))
    connected(part, "x/1")
    connected(part, "x/2", URL + "2")
    post(part, "/order?newClientOrderId=a")
    assert part.score.detour() == 7


def test_the_earliest_of_such_frames_goes_whatever_its_lane() -> None:
    rows = [*up("x/1"), *up("x/2", URL + "2"), asked(1, "POST", "/order?newClientOrderId=b")]
    rows += [asked(2, "POST", "/order?newClientOrderId=a"), ("x/2", "recv", '{"c":"a","n":1}')]
    rows += [("x/1", "recv", '{"c":"a","n":2}')]
    part = play(tape(*rows, cut=True))
    connected(part, "x/1")
    connected(part, "x/2", URL + "2")
    post(part, "/order?newClientOrderId=a")
    assert part.score.detour() == 6


def test_a_batch_is_frames_of_one_lane_with_nothing_between() -> None:
    rows = [*up("x/1"), *[("x/1", "recv", str(n)) for n in range(5)], asked(1, "GET", "/time")]
    part = play(tape(*rows, ("x/1", "recv", "5"), cut=True))
    listener = connected(part, "x/1")
    assert part.score.run(2, 64, 1 << 62) == range(2, 7)
    assert part.score.run(2, 3, 1 << 62) == range(2, 5)
    assert part.score.run(2, 64, part.timeline.at(3)) == range(2, 4)
    part.score.deliver(range(2, 5))
    assert (listener.told, part.score.head) == ([1, 2, 3, 4], 5)


def test_who_hangs_up_need_not_have_heard_all() -> None:
    rows = [*up("x/1"), ("x/1", "recv", "a"), ("x/1", "recv", "b"), hung_up("x/1", "client")]
    part = play(tape(*rows))
    connected(part, "x/1")
    assert part.hang_up("x/1", 1000) is None
    assert (part.score.unread, part.score.over, part.left()) == (2, True, [])


def test_who_hangs_up_where_the_exchange_does_is_told_the_line() -> None:
    part = play(tape(*up("x/1"), ("x/1", "recv", "a"), hung_up("x/1", "exchange", 1012)))
    connected(part, "x/1")
    assert part.hang_up("x/1", 1000) == 3


def test_what_is_left_is_named() -> None:
    rows = [*up("x/1"), *[("x/1", "sent", str(n)) for n in range(7)], ("x/1", "recv", "r")]
    part = play(tape(*rows))
    connected(part, "x/1")
    told = part.left()
    assert told[0] == 'missing: the client never did line 3 (x/1 sent "0")'
    assert told[5:] == [
        "  … and 2 more",
        'left over: the exchange never came to line 10 (x/1 recv "r")',
    ]


def test_the_end_of_a_tape_that_was_cut_need_not_be_played() -> None:
    rows = [*up("x/1"), ("x/1", "recv", "a"), ("x/1", "sent", "b")]
    part = play(tape(*rows, cut=True))
    connected(part, "x/1")
    deliver(part)
    assert (part.score.over, part.left()) == (True, [])
    whole = play(tape(*rows))
    connected(whole, "x/1")
    deliver(whole)
    assert (whole.score.over, len(whole.left())) == (False, 1)


# Free traffic


def polls(least: int = 0, most: int = 0) -> Timeline:
    taping = Taping(free=(Free("GET /v3/openOrders", least=least, most=most),))
    rows = [
        asked(1, "GET", "/openOrders"),
        answered(1),
        asked(2, "GET", "/openOrders"),
        answered(2),
    ]
    rows += [asked(3, "POST", "/order"), answered(3), asked(4, "GET", "/openOrders"), answered(4)]
    rows += [asked(5, "GET", "/openOrders"), answered(5)]
    return tape(*rows, http={n: body("{}") for n in range(1, 6)}, taping=taping)


def test_a_poll_gets_the_first_unplayed_answer_of_this_point_else_the_latest() -> None:
    part = play(polls())
    heard: list[int] = []
    for _ in range(3):
        assert post(part, "/openOrders", heard, method="GET") is None
    assert heard == [1, 3, 3]
    post(part, "/order", heard)
    deliver(part)
    for _ in range(3):
        post(part, "/openOrders", heard, method="GET")
    assert heard[3:] == [5, 7, 9, 9]
    assert (part.score.over, part.left()) == (True, [])


def test_polls_that_came_too_seldom_or_too_often_are_told_at_the_end() -> None:
    for least, most, times, told in ((2, 0, 1, "2 or more"), (0, 2, 3, "0 to 2")):
        part = play(polls(least, most))
        for _ in range(times):
            post(part, "/openOrders", method="GET")
        post(part, "/order")
        deliver(part)
        assert part.left() == [f"free: GET /v3/openOrders came {times} times, not {told}"]


def test_a_rule_with_a_query_frees_just_that_query() -> None:
    taping = Taping(volatile=frozenset({"timestamp"}), free=(Free("GET /v3/order?symbol=X&id=a"),))

    def free(query: str) -> bool:
        fields = request_fields("GET", f"{API}/order{query}", {}, "", taping)
        return free_request(taping, fields) is not None

    queries = ("?symbol=X&id=a", "?id=a&symbol=X&timestamp=5", "?symbol=X", "?symbol=X&id=a&b=1")
    assert [free(query) for query in queries] == [True, True, False, False]


def test_a_heartbeat_is_answered_at_once_with_its_own_id() -> None:
    rows = [*up("x/1"), ("x/1", "sent", '{"method":"ping","id":1}'), ("x/1", "recv", "news")]
    part = play(tape(*rows, ("x/1", "recv", '{"pong":true,"id":1}')))
    connected(part, "x/1")
    assert part.say("x/1", '{"method":"ping","id":77}') == '{"pong":true,"id":77}'
    assert deliver(part) == 3
    assert part.score.over


# What cannot be


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([("x/1", "recv", "a")], "line 1 of the tape is in lane x/1, which nobody opened"),
        ([*up("x/1"), *up("x/1")], "line 3 of the tape opens lane x/1 a second time"),
        ([answered(1)], "line 1 of the tape answers request 1, which does not wait for an answer"),
        (
            [asked(1, "GET", "/a"), asked(1, "GET", "/b")],
            "line 2 of the tape has the number 1 of another request",
        ),
        (
            [asked(1, "GET", "/a"), failed(1, "x"), failed(1, "x")],
            "line 3 of the tape answers request 1, which does not wait for an answer",
        ),
        (
            [*up("x/1"), hung_up("x/1", "client"), ("x/1", "sent", "a")],
            "line 4 of the tape is in lane x/1 after its end",
        ),
    ],
)
def test_a_tape_that_makes_no_sense_is_refused(rows: list[tuple[object, ...]], told: str) -> None:
    with pytest.raises(SessionError) as found:
        tape(*rows, http={1: body("{}")})
    assert str(found.value) == told


def test_an_answer_that_the_cassette_lacks_is_refused_unless_the_tape_was_cut() -> None:
    rows = [asked(1, "GET", "/a"), answered(1)]
    with pytest.raises(
        SessionError, match=r"^line 1 of the tape answers a request, and http\.yaml has"
    ):
        tape(*rows)
    assert len(tape(*rows, cut=True)) == 1


# Any order


@given(st.data())
def test_in_whatever_order_a_client_acts_all_is_played_and_no_rule_is_broken(
    data: st.DataObject,
) -> None:
    lanes = {"x/1": URL, "x/2": URL + "2"}
    rows: list[tuple[object, ...]] = [row for lane, url in lanes.items() for row in up(lane, url)]
    count = 0
    for kind in data.draw(st.lists(st.sampled_from(["recv1", "recv2", "sent1", "sent2", "post"]))):
        count += 1
        if kind == "post":
            rows += [asked(count, "POST", f"/order?q={count}"), answered(count)]
        else:
            rows.append((f"x/{kind[-1]}", kind[:4], str(count)))
    answers = {n: body("{}") for n in range(1, count + 1)}
    part = play(tape(*rows, http=answers))
    ears: dict[str, Ear] = {lane: connected(part, lane, url) for lane, url in lanes.items()}
    timeline, score = part.timeline, part.score
    todo = [i for i in range(4, len(timeline)) if not timeline.theirs[i]]
    played: list[int] = []
    while not score.over:
        line = score.next() if data.draw(st.booleans()) or not todo else None
        line = score.detour() if line is None and not todo else line
        if line is not None:
            batch = score.run(line, 64, 1 << 62)
            score.deliver(batch)
            played += batch
        elif todo:
            line = todo.pop(data.draw(st.integers(0, len(todo) - 1)))
            played.append(line)
            it = timeline.lines[line]
            if it.kind == "sent":
                part.say(it.lane, bytes(it.data).decode().strip('"'))
            else:
                post(part, f"/order?q={timeline.numbers[line]}")
    assert score.failure is None
    assert sorted(played) == [*range(4, len(timeline))]
    place = {line: n for n, line in enumerate(played)}
    writes = [i for i in timeline.writes if i > 3]
    for line in played:
        it = timeline.lines[line]
        if it.kind == "recv":
            assert all(place[write] < place[line] for write in writes if write < line)
            before = [i for i in timeline.lanes[it.lane].lines if 3 < i < line]
            assert all(place[i] < place[line] for i in before)
    assert {*ears} == {*lanes}
