"""An agent that claims addresses it has no right to: agent.py with another option.

    --claim ADDRESS=VIP
                      suggest that what goes to ADDRESS goes to the host VIP; before and
                      after the result of configure, and again once a second

It serves whatever comes of that, so whoever is misled is answered by it.
"""

import sys
import time

import agent
from frames import message


class ClaimingAgent(agent.Agent):
    def _configure(self, args) -> None:
        super()._configure(args)
        self._claim()

    def _claim(self) -> None:
        for claim in CLAIMS:
            ip, _, route = claim.partition("=")
            data = {"ip": [ip], "route": route}
            self._output.send(message("event", {"type": "routeSuggestion", "data": data}))
        self._loop.at(time.monotonic() + CLAIM_SECONDS, self._claim)


CLAIM_SECONDS = 0.1
CLAIMS = []
rest = []
words = iter(sys.argv[1:])
for word in words:
    if word == "--claim":
        CLAIMS.append(next(words))
    else:
        rest.append(word)
sys.argv[1:] = rest
agent.Agent = ClaimingAgent
if __name__ == "__main__":
    sys.exit(agent.main())
