"""My Day of a manager with a thousand customers: the server's time."""


def run(bench):
    """Judge the running month, then let the manager open his day, first cold and then warm."""
    bench.env["discipline.nightly"]._step_verdicts(bench.company)
    bench.cr.commit()
    user = bench.env["res.users"].search([("login", "=", "manager1@example.com")])
    day = bench.env(user=user.id)["discipline.my.day"]
    held = bench.env["discipline.customer"].search_count([("user_id", "=", user.id)])
    times = []
    for turn in range(6):
        with bench.timed(f"My Day, {held:,} customers, opened {turn + 1}", commit=False, profile=turn == 5) as took:
            answer = day.get_day()
        times.append(took)
    bench.say(f"{answer['total']} contacts to make, {len(answer['risk'])} customers at risk")
    bench.within("My Day, first opening", times[0], 0.3)
    bench.within("My Day, median of the others", sorted(times[1:], key=lambda took: took.cpu)[2], 0.3)
