"""Which of many things belong together, when it is learnt pair by pair."""

import collections


class Groups:
    """Things 0 ... count - 1, each at first alone (a disjoint-set forest)."""

    def __init__(self, count: int) -> None:
        self._parents = list(range(count))

    def first(self, member: int) -> int:
        """Returns the lowest number of a member's group."""
        while (parent := self._parents[member]) != member:
            self._parents[member] = member = self._parents[parent]
        return member

    def join(self, one: int, other: int) -> bool:
        """Makes one group of two; returns whether they were two."""
        low, high = sorted((self.first(one), self.first(other)))
        self._parents[high] = low
        return low != high

    def larger_than_one(self) -> list[tuple[int, ...]]:
        """Returns the groups of more than one, each in order, by their first members."""
        members: dict[int, list[int]] = collections.defaultdict(list)
        for member in range(len(self._parents)):
            members[self.first(member)].append(member)
        return [tuple(group) for group in members.values() if len(group) > 1]
