"""demo_proof.py - what the demo claims, read from the run's own records and compared with what must hold."""
import json
import sqlite3

from yard import run

STARTED, COMPLETE, LEASE = 3, 4, 2     # numbers of schema/states/job.def
GO_ON, PREEMPT, CHECKPOINTED = 9, 16, 51
COMPLETED = 900


def git(path, *args, given=None):
    done = run(["git", "-c", "safe.directory=*", "-C", path, *args], 120) if given is None else git_fed(path, args, given)
    return done.returncode, done.stdout


def git_fed(path, args, given):
    file = path + ".objects"
    with open(file, "w", encoding="utf-8") as out:
        out.write(given)
    with open(file, encoding="utf-8") as feed:
        return run(["git", "-c", "safe.directory=*", "-C", path, *args], 120, stdin=feed)


def same_history(source, target):
    """Equal references, a sound store, every object there. (is it so, how many objects)"""
    refs = [[line for line in git(path, "for-each-ref", "--format=%(objectname) %(refname)")[1].splitlines()
             if " refs/yardmaster/" not in line] for path in (source, target)]
    objects = "".join(line.split()[0] + "\n" for line in git(source, "rev-list", "--objects", "--all")[1].splitlines())
    found = git(target, "cat-file", "--batch-check", given=objects)[1]
    good = (refs[0] == refs[1] and git(target, "fsck", "--full")[0] == 0
            and "missing" not in found and len(found.splitlines()) == len(objects.splitlines()))
    return good, len(objects.splitlines())


def rows(path, text):
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as store:
        return store.execute(text).fetchall()


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))] if values else 0


class Table:
    """Lines of figures, each with its verdict."""

    def __init__(self):
        self.lines, self.good = [], True

    def add(self, name, value, holds=True, note=""):
        self.good = self.good and holds
        self.lines.append((name, str(value), "ok" if holds else "BREACH", note))

    def print(self):
        width = max(len(line[1]) for line in self.lines)
        print()
        for name, value, verdict, note in self.lines:
            print(f"  {name:38} {value:>{width}}  {verdict:6} {note}".rstrip())
        print(flush=True)


def item_stores(demo):
    names = ("changelogs", *demo.floods)
    return [demo.yard.path("target", f"{name}.sqlite") for name in names]


def read_items(path):
    with open(path, encoding="utf-8") as file:
        return {item["id"]: item for item in map(json.loads, file)}


def prove_jobs(table, demo, acknowledged):
    yard = demo.yard
    stored = {int(row[0]): int(row[1]) for row in yard.sql(
        "SELECT j.job_id, COALESCE(d.state, 0) FROM ym.job j LEFT JOIN ym.job_done d USING (job_id)")}
    table.add("submitted", len(acknowledged) + len(demo.jobs), note=f"{len(yard.tenants)} tenants, 3 tiers")
    completed = sum(1 for state in stored.values() if state == COMPLETED)
    table.add("completed", completed, completed == len(acknowledged) + len(demo.jobs))
    lost = [ack for ack in acknowledged if stored.get(ack["job"]) != COMPLETED]
    table.add("lost", len(lost), not lost, "acknowledged and not completed")
    doubled = int(yard.one(f"""SELECT (SELECT count(*) FROM (SELECT FROM ym.job_event WHERE on_event = {COMPLETE}
        GROUP BY job_id HAVING count(*) > 1) a) + (SELECT count(*) - count(DISTINCT name) FROM ym.job)"""))
    table.add("doubled", doubled, doubled == 0, "stored twice or completed twice")
    again = sum(1 for ack in acknowledged if ack["sendings"] > 1)
    table.add("submits that had to be sent again", again, note="answered with the same job")


def prove_items(table, demo):
    yard = demo.yard
    sources = read_items(demo.items)
    moved = wrong = 0
    for path in item_stores(demo):
        at_target = rows(path, "SELECT source_id, target_id, body FROM item")
        moved += len(at_target)
        wrong += sum(1 for source, _, body in at_target if not same_item(sources.get(source), body))
    wanted = len(sources) + len(demo.floods) * demo.tiny * demo.slice
    table.add("items moved", f"{moved:,}", moved == wanted, f"of {wanted:,}")
    mapped = int(yard.one("SELECT count(*) FROM ym.id_map"))
    table.add("ids mapped", f"{mapped:,}", mapped == moved)
    table.add("items that differ from their source", wrong, wrong == 0)
    changelogs = dict(rows(item_stores(demo)[0], "SELECT source_id, max(fence) FROM effect GROUP BY source_id"))
    mapping = yard.sql("SELECT m.source, m.fence FROM ym.id_map m JOIN ym.job j USING (job_id) WHERE j.name = 'changelogs'")
    unwritten = sum(1 for source, _ in mapping if source not in changelogs)
    table.add("items mapped and never written", unwritten, unwritten == 0)
    redone = sum(1 for source, fence in mapping if changelogs.get(source, int(fence)) != int(fence))
    table.add("items gone over again after the kill", redone, redone <= demo.batch, f"at most one checkpoint interval: {demo.batch}")


def same_item(item, body):
    """The target keeps an item as the line that it was."""
    try:
        return item is not None and json.loads(body) == item
    except ValueError:
        return False


def prove_histories(table, demo):
    for name, file in (("history", "history.git"), ("history copy", "copy.git"), ("urgent history", "urgent.git")):
        same, objects = same_history(demo.history, demo.yard.path("target", file))
        table.add(f"{name}: objects at the target", f"{objects:,}", same, "references equal, fsck clean, none missing")


def prove_preemption(table, demo):
    """What the copy had stored when it gave its slot up is what it went on from, after the urgent job had its turn."""
    events = [(int(seq), int(event), int(at), detail) for seq, event, at, detail in demo.yard.sql(
        """SELECT e.seq, e.on_event, e.at_ms, e.detail FROM ym.job_event e JOIN ym.job j USING (job_id) WHERE j.name = 'history copy' ORDER BY e.seq""")]
    gave = [seq for seq, event, _, _ in events if event == PREEMPT]
    number, kept, told = demo.gave_way
    before = [int(detail) for seq, event, _, detail in events if event == CHECKPOINTED and gave and seq < gave[0]]
    after = [int(detail) for seq, event, _, detail in events if event == CHECKPOINTED and gave and seq > gave[0]]
    resumed = [at for seq, event, at, _ in events if event == GO_ON and gave and seq > gave[0]]
    good = bool(gave and before and before[-1] == number and after and after[0] == number + 1)
    table.add("standard job preempted, then resumed", f"kept {kept} commits, redone {told - kept}", good and 0 <= told - kept <= demo.range,
              f"of {demo.commits}; from checkpoint {number}")
    urgent = int(demo.yard.one(f"""SELECT min(e.at_ms) FROM ym.job_event e JOIN ym.job j USING (job_id)
        WHERE j.name = 'urgent history' AND e.on_event = {COMPLETE}"""))
    given = int(demo.yard.one(f"""SELECT min(e.at_ms) - min(j.submitted_ms) FROM ym.job_event e JOIN ym.job j USING (job_id)
        WHERE j.name = 'urgent history' AND e.on_event = {LEASE}"""))
    stopped = next((at for seq, event, at, _ in events if event == PREEMPT), 0)
    table.add("  platinum job had its slot after", f"{given} ms", bool(resumed) and stopped <= urgent <= resumed[0],
              f"the other one went on {resumed[0] - urgent} ms after its end" if resumed else "the other one did not go on")


def prove_region(table, demo):
    outside = demo.yard.one("""SELECT count(*) FROM ym.job_event e JOIN ym.job j USING (job_id)
        JOIN ym.agent a USING (agent_id) WHERE j.name = 'changelogs' AND a.region <> 'eu-west'""")
    table.add("events of the bound job outside eu-west", outside, outside == "0")


def prove_times(table, demo, acknowledged, strict):
    first_kill = demo.kills[0]
    calm = [ack["ack_ms"] for ack in acknowledged if ack["sent_ms"] < first_kill - 500]
    everything = [ack["ack_ms"] for ack in acknowledged]
    starts = demo.yard.sql(f"""SELECT j.submitted_ms, min(e.at_ms) - j.submitted_ms FROM ym.job j JOIN ym.job_event e USING (job_id)
        WHERE e.on_event IN ({STARTED}, {COMPLETE}) AND j.name LIKE 'slice %' GROUP BY j.job_id, j.submitted_ms""")
    calm_starts = [int(row[1]) for row in starts if int(row[0]) < first_kill - 500]

    def pair(values):
        return f"{percentile(values, 0.5):.1f} / {percentile(values, 0.99):.1f} ms"
    table.add("submit acknowledged, p50 / p99", pair(calm), not strict or percentile(calm, 0.99) <= 1000, f"{len(calm)} before the first kill")
    table.add("  with the kills", pair(everything), not strict or percentile(everything, 0.99) <= 10000, f"all {len(everything)}")
    table.add("submit to start, p50 / p99", pair(calm_starts), not strict or percentile(calm_starts, 0.99) <= 5000,
              f"{len(calm_starts)} before the first kill")
    table.add("  with the kills", pair([int(row[1]) for row in starts]), note=f"all {len(starts)}")
    for actor, back in demo.back_ms.items():
        table.add(f"{actor} killed, ready again", f"{back:.0f} ms", not strict or back <= 5000)
    # What was under way elsewhere in the server may still be stored after the kill: what counts is the silence that follows.
    silence = int(demo.yard.one(f"""SELECT max(gap) FROM (SELECT lead(at_ms) OVER (ORDER BY at_ms) - at_ms AS gap FROM ym.job_event
        WHERE at_ms BETWEEN {demo.backend_killed_ms} - 1000 AND {demo.backend_killed_ms} + 20000) g"""))
    table.add("PostgreSQL crashed, nothing stored for", f"{silence} ms", not strict or silence <= 15000)
    killed_at, job, fence = demo.released
    leased = int(demo.yard.one(f"SELECT min(at_ms) FROM ym.job_event WHERE job_id = {job} AND on_event IN ({LEASE}, {GO_ON}) AND fence > {fence}"))
    table.add("agent killed, its job leased again", f"{leased - killed_at} ms", not strict or leased - killed_at <= 10000)


def prove(demo, strict):
    """Prints the table; True if everything holds. With strict, times count too."""
    table = Table()
    acknowledged = list(demo.acknowledgements())
    prove_jobs(table, demo, acknowledged)
    prove_items(table, demo)
    prove_histories(table, demo)
    prove_preemption(table, demo)
    prove_region(table, demo)
    prove_times(table, demo, acknowledged, strict)
    table.print()
    return table.good
