"""Are tasks few: only on a change that lasts, never twice, never against a person's word?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from connector.core.decide import decide
from connector.core.decisions import Previous
from connector.core.episodes import TaskState
from connector.core.facts import PartnerFacts, Unknown
from connector.core.policy import Policy
from connector.core.tasks import DesiredTask, ExistingTask, TaskPlan, business_days_after, plan_tasks


class Days:
    """Runs day after day as the shell would: decides, plans, applies, and lets people work in between."""

    def __init__(self, policy: Policy, start: date) -> None:
        self.policy, self.today = policy, start
        self.state: TaskState | None = None
        self.previous: dict[str, Previous] = {}
        self.tasks: dict[str, ExistingTask] = {}

    def look(self, partners: Iterable[PartnerFacts], *, complete: bool = True) -> TaskPlan:
        """One run's plan; nothing is kept."""
        decisions = [decide(p, self.policy, self.today, self.previous.get(p.partner_id)) for p in partners]
        self.decided = {decision.partner_id: decision.carried() for decision in decisions}
        return plan_tasks(
            decisions, self.state, self.tasks.values(), self.policy, self.today, connection="org", complete=complete
        )

    def run(self, *partners: PartnerFacts, days: int = 1, complete: bool = True) -> tuple[DesiredTask, ...]:
        """One run whose plan is applied, then so many days pass."""
        plan = self.look(partners, complete=complete)
        for task in plan.create:
            assert task.key not in self.tasks
            self.tasks[task.key] = ExistingTask(
                task.key, f"t{len(self.tasks)}", task.owner_id, task.partner_id, self.today
            )
        for closure in plan.close:
            self.tasks[closure.key] = replace(self.tasks[closure.key], is_closed=True, closed=self.today)
        self.state = TaskState.from_json(plan.state.to_json())
        self.previous |= self.decided
        self.closed = [closure.key for closure in plan.close]
        self.today += timedelta(days=days)
        return plan.create

    def person(self, key: str, **changes: Any) -> None:
        """A person changes a task."""
        self.tasks[key] = replace(self.tasks[key], touched=True, **changes)


@pytest.fixture
def lasting(default: Policy, build: Any) -> Policy:
    """The default policy with a goal that does not end while the tests run."""
    goals = (replace(build.goal("EMEA"), end=date(2028, 1, 1)),)
    policy: Policy = build.policy(default, "market_fit", goals=goals)
    return policy


@pytest.fixture
def days(lasting: Policy, build: Any) -> Days:
    return Days(build.policy(lasting, "tasks", cohort_personas=()), build.as_of)


@pytest.fixture
def well(build: Any) -> PartnerFacts:
    """A partner with a live campaign and nothing wrong."""
    facts: PartnerFacts = build.good(live=(build.live(),), personas=("SI",))
    return facts


@pytest.fixture
def gap(build: Any, well: PartnerFacts) -> PartnerFacts:
    """The same partner with meetings and no quotes."""
    return replace(well, meetings=build.meetings(12))


def types(tasks: Iterable[DesiredTask]) -> list[str]:
    return [task.type for task in tasks]


def test_the_first_run_makes_no_task_and_what_it_saw_stays_silent(days: Days, gap: PartnerFacts) -> None:
    for _ in range(20):
        assert days.run(gap) == ()


def test_a_change_makes_a_task_on_the_second_day_and_only_then(
    days: Days, well: PartnerFacts, gap: PartnerFacts
) -> None:
    made = [days.run(well), *(days.run(gap) for _ in range(4))]
    assert [types(tasks) for tasks in made] == [[], [], ["T1"], [], []]
    (task,) = made[2]
    assert task == DesiredTask(
        key="org:p1:T1:2026-07-01",
        type="T1",
        partner_id="p1",
        partners=("p1",),
        owner_id="u1",
        subject="Stop or pause demand generation: Example Reseller",
        body=task.body,
        due=date(2026, 7, 9),
        reason="T1 since 2026-07-01; owner: PAM unchecked",
    )
    assert task.body.startswith("Live: Spring webinar (12,000 USD).\n")
    assert task.body.endswith(
        "\nOwner: PAM, accountable for Relationship and joint plan [raci.activities]: the person named, unchecked as "
        f"no users were read. Consulted: PMM. Informed: AE.\nPolicy {days.policy.version}."
    )


def test_running_twice_on_one_day_is_no_second_day(days: Days, well: PartnerFacts, gap: PartnerFacts) -> None:
    days.run(well)
    for _ in range(5):
        assert days.run(gap, days=0) == ()


def test_seven_days_count_even_with_one_run(days: Days, well: PartnerFacts, gap: PartnerFacts, build: Any) -> None:
    slow = Days(build.policy(days.policy, "tasks", hold_runs=5), days.today)
    slow.run(well)
    assert slow.run(gap, days=6) == ()
    assert slow.run(gap) == ()
    assert types(slow.run(gap)) == ["T1"]


def test_a_change_that_goes_again_makes_none(days: Days, well: PartnerFacts, gap: PartnerFacts) -> None:
    assert [days.run(facts) for facts in (well, gap, well, gap, well)] == [()] * 5


def test_one_new_task_a_partner_a_week_and_at_most_three_open(
    days: Days, well: PartnerFacts, gap: PartnerFacts, build: Any
) -> None:
    days.run(well)
    made = [types(days.run(gap)) for _ in range(12)]
    assert made == [[], ["T1"], [], [], [], [], [], [], ["T2"], [], [], []]
    for number in range(3):
        days.tasks[f"other{number}"] = ExistingTask(f"other{number}", "x", "u1", "p9", date(2026, 1, 1))
    crowded = replace(gap, partner_id="p9")
    days.run(replace(well, partner_id="p9"))
    assert [days.run(crowded) for _ in range(10)] == [()] * 10


def test_insufficient_evidence_makes_no_task_for_people(days: Days, well: PartnerFacts, build: Any) -> None:
    days.run(well)
    blind = replace(well, meetings=Unknown("MEETINGS_UNMAPPED", "meetings"), quotes=build.quotes(0, 5))
    made = [task for _ in range(9) for task in days.run(blind)]
    assert types(made) == ["T10"]


def test_evidence_that_runs_out_neither_ends_nor_renews_an_episode(
    days: Days, well: PartnerFacts, gap: PartnerFacts, build: Any
) -> None:
    days.run(well)
    days.run(gap)
    (task,) = days.run(gap)
    days.run(replace(gap, meetings=build.meetings(5)))
    assert days.closed == []
    assert [t for _ in range(3) for t in days.run(gap)] == []
    assert not days.tasks[task.key].is_closed


def test_a_completed_task_leaves_its_person_in_peace_for_thirty_days(
    days: Days, well: PartnerFacts, gap: PartnerFacts
) -> None:
    silent_stop = replace(gap, live=())
    days.run(replace(well, live=()))
    days.run(silent_stop)
    (task,) = days.run(silent_stop)
    assert task.type == "T2"
    days.person(task.key, is_closed=True, closed=days.today)
    completed = days.today
    made = []
    for _ in range(40):
        waited = (days.today - completed).days
        made += [(waited, task.type) for task in days.run(silent_stop)]
    assert made == [(31, "T2")]


def test_the_cooldown_outlasts_a_symptom_that_goes_and_comes_back(
    days: Days, well: PartnerFacts, gap: PartnerFacts
) -> None:
    calm, sick = replace(well, live=()), replace(gap, live=())
    days.run(calm)
    days.run(sick)
    (task,) = days.run(sick)
    days.person(task.key, is_closed=True, closed=days.today)
    days.run(calm)
    assert [t for _ in range(10) for t in days.run(sick)] == []


def test_a_deleted_task_is_dismissed_for_its_episode(days: Days, well: PartnerFacts, gap: PartnerFacts) -> None:
    days.run(well)
    days.run(replace(gap, live=()))
    (task,) = days.run(replace(gap, live=()))
    days.run(replace(gap, live=()))
    del days.tasks[task.key]
    assert [t for _ in range(40) for t in days.run(replace(gap, live=()))] == []
    days.run(well)
    days.run(replace(gap, live=()))
    assert types(days.run(replace(gap, live=()))) == ["T2"]  # a new episode


def test_an_untouched_task_is_closed_when_its_condition_is_over(
    days: Days, well: PartnerFacts, gap: PartnerFacts
) -> None:
    days.run(well)
    days.run(gap)
    (task,) = days.run(gap)
    assert days.run(replace(gap, live=())) == ()
    assert days.closed == [task.key]
    days.run(replace(gap, live=()))
    assert days.closed == []


def test_a_task_that_a_person_touched_is_left_to_that_person(
    days: Days, well: PartnerFacts, gap: PartnerFacts
) -> None:
    days.run(well)
    days.run(gap)
    (task,) = days.run(gap)
    days.person(task.key)
    days.run(well)
    assert days.closed == []


def test_a_plan_that_was_not_applied_is_planned_again_with_the_same_keys(
    days: Days, well: PartnerFacts, gap: PartnerFacts
) -> None:
    days.run(well)
    days.run(gap)
    first, second = days.look([gap]), days.look([gap])
    assert first == second
    assert types(first.create) == ["T1"]
    days.state = first.state  # kept although the CRM refused the task
    days.today += timedelta(days=1)
    assert [task.key for task in days.look([gap]).create] == [task.key for task in first.create]


def test_transactional_partners_share_one_task_a_marketer_and_lever(lasting: Policy, build: Any) -> None:
    days = Days(lasting, build.as_of)
    good = [build.good(partner_id=f"p{n}", name=f"Partner {n}", marketer_id=f"m{n % 2}") for n in range(6)]
    dormant = [replace(partner, activity=build.activity()) for partner in good]
    days.run(*good)
    days.run(*dormant[:4], *good[4:])
    made = days.run(*dormant)
    assert [(task.key, task.owner_id, task.partners, task.partner_id) for task in made] == [
        ("org:cohort-m0:T4:2026-07-02", "m0", ("p0", "p2"), None),
        ("org:cohort-m1:T4:2026-07-02", "m1", ("p1", "p3"), None),
    ]
    assert made[0].subject == "Re-recruit: first-deal bonus and executive alignment: 2 partners"
    assert made[0].body.splitlines() == [
        "Partner 0: Awareness Gap: Present. No sign of life in 90 days [levers.awareness.days].",
        "Partner 2: Awareness Gap: Present. No sign of life in 90 days [levers.awareness.days].",
        "Owner: PMM, one task for all of them, for Relationship and joint plan [raci.activities]: the person named, "
        "unchecked as no users were read. Consulted: PAM.",
        f"Policy {lasting.version}.",
    ]
    assert days.run(*dormant) == ()  # the late ones wait while the first task is open
    days.person(made[0].key, is_closed=True, closed=days.today)
    assert [task.partners for task in days.run(*dormant)] == [("p4",)]


def test_a_cohort_s_task_is_closed_only_when_no_partner_needs_it(lasting: Policy, build: Any) -> None:
    days = Days(lasting, build.as_of)
    good = [build.good(partner_id=f"p{n}") for n in range(2)]
    dormant = [replace(partner, activity=build.activity()) for partner in good]
    for partners in (good, dormant, dormant, (good[0], dormant[1])):
        days.run(*partners)
    assert days.closed == []
    days.run(*good)
    assert days.closed == ["org:cohort-u2:T4:2026-07-02"]


def test_ten_tasks_a_person_a_day_and_one_digest_for_the_rest(
    days: Days, well: PartnerFacts, gap: PartnerFacts
) -> None:
    calm = [replace(well, partner_id=f"p{n:02}", name=f"Partner {n}", live=()) for n in range(13)]
    sick = [replace(gap, partner_id=f"p{n:02}", name=f"Partner {n}", live=()) for n in range(13)]
    days.run(*calm)
    days.run(*sick)
    made = days.run(*sick)
    assert sorted(types(made)) == ["T2"] * 10 + ["digest"]
    digest = next(task for task in made if task.type == "digest")
    assert (digest.subject, digest.partners, digest.owner_id) == ("3 more things to do", ("p10", "p11", "p12"), "u1")
    assert [t for _ in range(10) for t in days.run(*sick)] == []


def test_a_partial_run_leaves_the_other_partners_alone(days: Days, well: PartnerFacts, gap: PartnerFacts) -> None:
    other = replace(gap, partner_id="p2")
    days.run(well, replace(well, partner_id="p2"))
    days.run(gap, other)
    assert [task.partner_id for task in days.run(gap, complete=False)] == ["p1"]
    assert [task.partner_id for task in days.run(gap, other)] == ["p2"]


def test_a_partner_seen_for_the_first_time_has_made_no_change(
    days: Days, well: PartnerFacts, gap: PartnerFacts
) -> None:
    days.run(well)
    newcomer = replace(gap, partner_id="p2")
    assert [t for _ in range(5) for t in days.run(well, newcomer)] == []


def test_a_campaign_that_starts_while_the_gate_fails_is_a_change(days: Days, well: PartnerFacts, build: Any) -> None:
    failing = replace(well, live=(), quotes=build.quotes(0, 40))
    days.run(failing)
    days.run(replace(failing, live=well.live))
    assert types(days.run(replace(failing, live=well.live))) == ["T1"]


def test_a_data_gap_tells_the_admin_once_whatever_the_number_of_partners(
    default: Policy, lasting: Policy, build: Any
) -> None:
    days = Days(build.policy(default, "ownership", fallback_queue="q1"), build.as_of)
    partners = [build.good(partner_id=f"p{n}") for n in range(50)]
    made = [days.run(*partners) for _ in range(5)]
    assert [len(tasks) for tasks in made] == [0, 1, 0, 0, 0]
    (task,) = made[1]
    assert (task.type, task.partner_id, task.owner_id) == ("T10", None, "q1")
    assert task.subject == "Data gap blocks decisions: policy market_fit.goals missing"
    days.policy = lasting
    days.run(*partners)
    assert days.closed == [task.key]


@pytest.mark.parametrize(("lacking", "made"), [(10, 0), (11, 1)])
def test_a_gap_of_a_fifth_of_the_partners_is_theirs_not_the_mapping_s(
    days: Days, build: Any, lacking: int, made: int
) -> None:
    whole = [build.good(partner_id=f"p{n}") for n in range(50 - lacking)]
    blind = [
        build.good(partner_id=f"q{n}", meetings=Unknown("MEETINGS_UNMAPPED", "meetings")) for n in range(lacking)
    ]
    days.run(*whole, *blind)
    assert len(days.run(*whole, *blind)) == made


@pytest.mark.parametrize(("left", "made"), [(16, []), (14, ["T11"]), (-1, ["T11"])])
def test_an_override_s_author_is_told_in_time_and_once(
    days: Days, well: PartnerFacts, build: Any, left: int, made: list[str]
) -> None:
    days.run(well)
    overridden = replace(well, override=replace(build.override(), expires=days.today + timedelta(days=left)))
    assert days.run(overridden) == ()
    tasks = (*days.run(overridden), *days.run(well))
    assert types(tasks) == made
    assert [task.owner_id for task in tasks] == ["u7"] * len(made)


def test_an_expired_override_leaves_one_task_in_all(days: Days, well: PartnerFacts, build: Any) -> None:
    days.run(well)
    overridden = replace(well, override=replace(build.override(), expires=days.today + timedelta(days=10)))
    made = [task for _ in range(20) for task in days.run(overridden)]
    assert [(task.type, task.due) for task in made] == [("T11", date(2026, 7, 11))]
    days.person(made[0].key, is_closed=True, closed=days.today)
    assert [t for _ in range(60) for t in days.run(overridden)] == []


def test_excluded_and_unmapped_partners_get_no_task(days: Days, well: PartnerFacts, gap: PartnerFacts) -> None:
    days.run(well, replace(well, partner_id="p2"))
    for _ in range(4):
        days.run(replace(gap, excluded=True), replace(gap, partner_id="p2", personas=()))
    assert [task.key for task in days.tasks.values()] == ["org:partner persona:T10:2026-07-01"]


@pytest.mark.parametrize(
    ("day", "number", "due"),
    [
        (date(2026, 7, 3), 1, date(2026, 7, 6)),  # Friday
        (date(2026, 7, 1), 5, date(2026, 7, 8)),
        (date(2026, 7, 4), 1, date(2026, 7, 6)),  # Saturday
        (date(2026, 7, 4), 0, date(2026, 7, 6)),
        (date(2026, 7, 4), 5, date(2026, 7, 10)),
        (date(2026, 7, 1), 0, date(2026, 7, 1)),
        (date(2026, 7, 2), 10, date(2026, 7, 16)),
    ],
)
def test_business_days_leave_out_the_weekend(day: date, number: int, due: date) -> None:
    assert business_days_after(day, number) == due
