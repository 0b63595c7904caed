"""Which load to try next: double until a target fails, bisect, overload twice, then visit loads around the estimate.

    search = Search(settings)
    while isinstance(visit := search.next(), Visit):
        search.add(offer(visit))
    search.answer()

Loads lie on a grid of 2 %, so that visits to one load add up.
"""

from __future__ import annotations

import math
from collections.abc import Generator

from perfsuite.capacity.answer import SearchEvidence, capacity_of, running_estimate
from perfsuite.capacity.constraints import sum_of
from perfsuite.capacity.levels import exceeds, fails
from perfsuite.capacity.records import Done, SearchSettings, Visit, VisitResult
from perfsuite.model.capacity import CapacityAnswer, VisitPhase

STEPS_PER_DOUBLING = 35
"""2^(1/35): 2 %."""
BRACKET_S = 10
BISECT_S = 30
BISECT_STEPS = 3
CONFIRM_STEPS, CONFIRM_VISITS = 6, 4
OVERLOAD_S, OVERLOAD_STEPS, OVERLOAD_SHARE = 35, 3, 1.05
RECOVERY_S, RECOVERY_SHARE, FROM_ABOVE_SHARE = 60, 0.7, 0.85
REFINE_S, SHORTEST_S = 45, 10
OFFSETS = (0, -2, 1, -1, -3, 2, -1, 0, -4, 1)
"""Steps from the running estimate, in turn: more below it, where requests are less correlated."""
QUADRUPLE = 2
"""So many times the load is quadrupled, before it is doubled: of few loads, few should be far below the limit."""
NEAREST_SATURATION = 0.985
_FEWEST_SUSPECT, _LONGEST_SUSPECT_S = 150, 40
_STANDARD_S = 900
_HALVINGS = 2

Plan = Generator[Visit, VisitResult, None]


class Search:
    """One search, as a state machine: it does nothing itself. `next` asks for a visit, `add` takes what came of it."""

    def __init__(self, settings: SearchSettings) -> None:
        self.settings = settings
        self.results: list[VisitResult] = []
        self.used_s = 0
        self._scale = math.sqrt(settings.duration_s / _STANDARD_S)
        self._plan = self._steps()
        self._next: Visit | Done | None = None
        self._low: int | None = None
        self._high: int | None = None

    # ── what callers use ────────────────────────────────────────────────────────────────────────────────────

    def next(self) -> Visit | Done:
        """The visit to make now; the same one until its result is added."""
        if self._next is None:
            self._next = next(self._plan, Done())
        return self._next

    def add(self, result: VisitResult, used_s: int | None = None) -> None:
        """Take the result of the visit asked for last. `used_s`: of the whole duration, where changing the load takes
        time as well."""
        self.results.append(result)
        self.used_s = self.used_s + result.seconds if used_s is None else used_s
        try:
            self._next = self._plan.send(result)
        except StopIteration:
            self._next = Done()

    def revise(self, number: int, result: VisitResult) -> None:
        """Replace the result of an earlier visit (0 is the first): some of its requests end only after it."""
        self.results[number] = result

    def answer(self) -> CapacityAnswer:
        """What the visits so far say."""
        return capacity_of(self._evidence())

    # ── the plan ────────────────────────────────────────────────────────────────────────────────────────────

    def _steps(self) -> Plan:
        yield from self._bracket()
        if self._low is not None and self._high is None:
            yield from self._confirm()
        if self._low is None or self._high is None:
            return
        yield from self._bisect()
        yield from self._overload()
        yield from self._refine()

    def _bracket(self) -> Plan:
        step, lowest = 0, -_HALVINGS * STEPS_PER_DOUBLING
        while self._may_visit(step, self._slot(BRACKET_S)):
            result = yield from self._visit(step, BRACKET_S, VisitPhase.BRACKET, discard_s=2)
            if result.generator_limited:
                return
            if self._fails(step) and not result.aborted:
                yield from self._look_again(step)
            elif self._high is not None:
                yield from self._longer(step, sum(result.completed), result.seconds)
            fails = self._fails(step)
            if fails:
                self._high = step
                if self._low is None and step <= lowest:
                    return
                yield from self._recover()
                if self._low is not None:
                    return
                step -= STEPS_PER_DOUBLING
                continue
            self._low = step
            if self._high is not None or self.load(step) >= self.settings.most:
                return
            step += STEPS_PER_DOUBLING * (2 if len(self.results) <= QUADRUPLE else 1)

    def _confirm(self) -> Plan:
        """Nothing failed: stay where all is well until that is certain, and nearer to the generator's limit if it has
        one."""
        limited = [self._step_of(each.visit.load) for each in self.results if each.generator_limited]
        while limited and self._low is not None and min(limited) - self._low > CONFIRM_STEPS:
            step = (self._low + min(limited)) // 2
            if not self._may_visit(step, self._slot(BISECT_S)):
                break
            result = yield from self._visit(step, BISECT_S, VisitPhase.BISECT)
            if result.generator_limited:
                limited.append(step)
            elif self._fails(step):
                self._high = step
                yield from self._recover()
                return
            else:
                self._low = step
        for _ in range(CONFIRM_VISITS):
            if self._low is None or self._evidence().passes(self.load(self._low)) or not self._has(SHORTEST_S):
                return
            seconds = min(self._slot(REFINE_S), self.settings.duration_s - self.used_s)
            yield from self._visit(self._low, seconds, VisitPhase.BISECT, scaled=False)
            if self._fails(self._low):
                self._high, self._low = self._low, self._passed_below(self._low)
                yield from self._recover()
                return

    def _passed_below(self, step: int) -> int | None:
        return max((other for other in self._tried() if other < step and not self._fails(other)), default=None)

    def _look_again(self, step: int) -> Plan:
        """A rare operation has few requests in ten seconds: a failure by chance would mislead all that follows."""
        at = self._at(step)
        for place in exceeds(at, self.settings.constraints):
            sample = sum_of([each for result in at for each in result.samples[place]])
            if not at[-1].aborted:
                yield from self._longer(step, sample.requests, sum(each.seconds for each in at))

    def _longer(self, step: int, requests: int, seconds: int) -> Plan:
        """Another visit where there are too few requests, as long as it takes for enough of them."""
        missing = math.ceil((_FEWEST_SUSPECT - requests) * seconds / max(requests, 1)) + 1
        if requests < _FEWEST_SUSPECT and self._has(min(missing, _LONGEST_SUSPECT_S)):
            seconds = min(missing, _LONGEST_SUSPECT_S)
            yield from self._visit(step, seconds, VisitPhase.BRACKET, discard_s=1, scaled=False)

    def _bisect(self) -> Plan:
        while self._low is not None and self._high is not None and self._high - self._low > BISECT_STEPS:
            step = (self._low + self._high) // 2
            if not self._may_visit(step, self._slot(BISECT_S)) or self.load(step) in (
                self.load(self._low),
                self.load(self._high),
            ):
                return
            result = yield from self._visit(step, BISECT_S, VisitPhase.BISECT)
            if result.generator_limited:
                return
            if self._fails(step):
                yield from self._look_again(step)
            if self._fails(step):
                self._high = step
                yield from self._recover()
            else:
                self._low = step

    def _overload(self) -> Plan:
        """Twice a little above what fails, for what the target completes at most; then from above to what passed."""
        if not self.settings.open_model or self._high is None or self._low is None or self._looks_like_cliff():
            return
        seconds = self._slot(OVERLOAD_S)
        overloads = 0
        for number in range(3):
            step = self._overload_step(number)
            if self.used_s + seconds > 0.5 * self.settings.duration_s or not self._may_visit(step, seconds):
                return
            result = yield from self._visit(step, OVERLOAD_S, VisitPhase.OVERLOAD, may_abort=False)
            overloads += self._evidence().saturation() is not None
            last = overloads == 2 or number == 2 or result.generator_limited
            yield from (self._recover(VisitPhase.FROM_ABOVE, FROM_ABOVE_SHARE) if last else self._recover())
            if last:
                return

    def _overload_step(self, number: int) -> int:
        """Above what fails, and above saturation where it is known; further up where that was not overload yet."""
        saturation = self._evidence().saturation()
        step = (self._high or 0) + OVERLOAD_STEPS + (0 if saturation else 2 * OVERLOAD_STEPS * number)
        while saturation and self.load(step) < OVERLOAD_SHARE * saturation:
            step += 1
        tried = [other for other in self._tried() if step <= other <= step + 2 * OVERLOAD_STEPS]
        return min(tried, default=step)

    def _refine(self) -> Plan:
        number, tries = 0, 0
        seconds = max(round(REFINE_S * self._scale), SHORTEST_S)
        while self._has(seconds) and tries < 200:
            tries += 1
            step = self._refined_step(number)
            if step is None:
                return
            number += 1
            result = yield from self._visit(step, seconds, VisitPhase.REFINE, scaled=False, discard_s=self._discard())
            if result.aborted:
                yield from self._recover()

    def _refined_step(self, number: int) -> int | None:
        """Around the running estimate; while it looks like a cliff, between what passed and what failed."""
        if self._looks_like_cliff():
            low, high = self._cliff_ends()
            between = (low + high) // 2
            if between > low and self._may_visit(between, SHORTEST_S):
                return between
            passes = sum(not each.aborted for each in self._at(low))
            aborts = sum(each.aborted for each in self._at(high))
            if passes >= 2 and aborts >= 2:
                return None
            return low if passes <= aborts else high
        estimate = running_estimate(self._evidence())
        if estimate is None:
            low, high = self._low or 0, self._high or 0
            estimate = self.load(low) if number % 2 else self.load(high)
            middle = (low + high) / 2
        else:
            saturation = self._evidence().saturation()
            estimate = min(estimate, 0.975 * saturation) if saturation else estimate
            middle = STEPS_PER_DOUBLING * math.log2(estimate / self.settings.start)
        step = round(middle) + OFFSETS[number % len(OFFSETS)]
        saturation = self._evidence().saturation()
        while saturation and self.load(step) > NEAREST_SATURATION * saturation:
            step -= 1
        return self._nearest(step)

    def _nearest(self, step: int) -> int:
        """The same, or the nearest one tried already once the number of loads is used up; one is kept for far ones."""
        tried = self._tried()
        nearest = min(tried, key=lambda other: (abs(other - step), other))
        full = len({each.visit.load for each in self.results}) >= self.settings.levels - (abs(nearest - step) <= 1)
        return nearest if full else step

    def _tried(self) -> set[int]:
        return {self._step_of(each.visit.load) for each in self.results}

    # ── cliffs ──────────────────────────────────────────────────────────────────────────────────────────────

    def _looks_like_cliff(self) -> bool:
        """Far below the limit at the highest load that passed, and far above it soon at the lowest that failed."""
        return self._evidence().cliff_ends() is not None

    def _cliff_ends(self) -> tuple[int, int]:
        ends = self._evidence().cliff_ends()
        assert ends is not None  # noqa: S101
        return self._step_of(ends[0]), self._step_of(ends[1])

    # ── helpers ─────────────────────────────────────────────────────────────────────────────────────────────

    def load(self, step: int) -> float:
        """The load at a step of the grid; whole users in the closed model."""
        load = min(self.settings.start * 2 ** (step / STEPS_PER_DOUBLING), self.settings.most)
        return round(load, 2) if self.settings.open_model else float(max(round(load), 1))

    def _step_of(self, load: float) -> int:
        return round(STEPS_PER_DOUBLING * math.log2(load / self.settings.start))

    def _slot(self, seconds: int) -> int:
        return max(round(seconds * min(self._scale, 2.0)), min(seconds, SHORTEST_S))

    def _has(self, seconds: int) -> bool:
        return self.used_s + seconds <= self.settings.duration_s

    def _may_visit(self, step: int, seconds: int) -> bool:
        loads = {each.visit.load for each in self.results}
        return self._has(seconds) and (self.load(step) in loads or len(loads) < self.settings.levels)

    def _discard(self) -> int:
        after_recovery = bool(self.results) and self.results[-1].visit.phase in (
            VisitPhase.RECOVERY,
            VisitPhase.FROM_ABOVE,
        )
        return min(round((15 if after_recovery else 5) * self._scale), 15)

    def _visit(
        self,
        step: int,
        seconds: int,
        phase: VisitPhase,
        *,
        discard_s: int = 5,
        may_abort: bool = True,
        scaled: bool = True,
    ) -> Generator[Visit, VisitResult, VisitResult]:
        seconds = self._slot(seconds) if scaled else seconds
        return (yield Visit(self.load(step), seconds, phase, min(discard_s, seconds // 2), may_abort))

    def _recover(self, phase: VisitPhase = VisitPhase.RECOVERY, share: float = RECOVERY_SHARE) -> Plan:
        """Until what is queued is gone: else the next load would be blamed for it."""
        seconds = min(RECOVERY_S, self.settings.duration_s - self.used_s)
        if seconds >= 3:
            load = self._visited_below(share)
            usual = [each.concurrency for each in self._evidence().at(load)]
            until = 1.5 * max(usual, default=0.0) + 3
            yield Visit(load, seconds, phase, 0, may_abort=False, until_concurrency=until)

    def _visited_below(self, share: float) -> float:
        """The highest load tried that is below a share of what passed, so that no new load is spent on it; before
        anything passed, the one that is next."""
        lowest = min(self._tried())
        if self._low is None:
            return self.load(lowest - STEPS_PER_DOUBLING)
        loads = {each.visit.load for each in self.results}
        below = [load for load in loads if load <= share * self.load(self._low)]
        return max(below, default=self.load(lowest))

    def _at(self, step: int) -> list[VisitResult]:
        return self._evidence().at(self.load(step))

    def _fails(self, step: int) -> bool:
        return fails(self._at(step), self.settings.constraints)

    def _evidence(self) -> SearchEvidence:
        return SearchEvidence(self.settings, self.results)
