"""A small catalogue of an invented law, for tests: a clause of every strength and of every kind of date."""

LAW = """\
id: toy-law
title: {en: Toy law, ko: 장난감법}
text: {en: The toy law of 2026, ko: 2026년 장난감법}
status: staged
sure: A
checked: {on: 2026-11-28, against: primary, where: invented for tests}
dates: [{on: 2026-01-01, what: {en: in force, ko: 시행}, sure: A}]
note: {en: Invented., ko: 지어낸 법이다.}
when: {exempt: [none]}
questions:
- {id: role, asks: {en: "Who are you?", ko: "누구인가?"}, choices: [{id: maker, says: {en: makes it, ko: 만든다}},
    {id: user, says: {en: uses it, ko: 쓴다}}]}
- {id: kind, asks: {en: "Which kind?", ko: "어떤 종류인가?"}, choices: [
    {id: early, says: {en: early kind, ko: 이른 종류}}, {id: late, says: {en: late kind, ko: 늦은 종류}}]}
- {id: exempt, asks: {en: "Exempt?", ko: "예외인가?"}, choices: [{id: research, says: {en: research, ko: 연구}}]}
clauses:
- id: art-1
  ref: 1(1)
  role: [maker]
  applies_from: {early: 2026-01-01, late: 2030-01-01}
  says: {en: Test against limits fixed before, ko: 미리 정한 한계로 시험한다}
  dimensions: [bias-output]
  tests: [bias.stereotype_pairs]
  strength: direct
  needs: [decided]
  full: [limit_before, sealed, approval_signed]
  evidence: {en: limit and interval, ko: 한계와 구간}
  never: {en: whether the limit is right, ko: 한계가 옳은지}
- id: art-2
  ref: 2(1)
  role: [maker, user]
  sure: C
  says: {en: Look for bias, ko: 편향을 살핀다}
  dimensions: [bias-output]
  tests: [bias.stereotype_pairs | bias.counterfactual, factuality.closed_book]
  strength: partial
  evidence: {en: rates, ko: 비율}
  never: {en: which groups matter, ko: 어떤 집단이 중요한지}
- id: art-3
  ref: "3"
  role: [user]
  when: {kind: [late]}
  applies_from: 2026-03-01
  windows: [{from: 2026-03-01, until: 2026-09-29, says: {en: Older words, ko: 옛 문구}}]
  says: {en: Somebody answers for it, ko: 책임자가 있다}
  strength: process
  needs: [approved, sealed]
  evidence: {en: sign-off, ko: 서명}
  never: {en: the judgement, ko: 판단}
- id: art-4
  ref: "4"
  role: [maker]
  says: {en: Train the people, ko: 사람을 교육한다}
  strength: none
"""
