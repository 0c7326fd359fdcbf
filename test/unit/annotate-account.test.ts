import assert from 'node:assert/strict';
import fc from 'fast-check';
import { accountOf, rounded } from '../../agent/src/annotate/account.js';
import { Class } from '../../agent/src/wire/layout.js';
import { accountedNs, MS, spanEvidence } from '../helpers/evidence.js';

describe('the account of a span', () => {
  it('gives what no class holds as unaccounted', () => {
    const account = accountOf(
      spanEvidence({ own: { 'on_cpu.user': 30 * MS }, inChildren: { 'blocked.disk': 60 * MS } }),
    );
    assert.deepEqual([...account.self], [['on_cpu.user', 30 * MS]]);
    assert.deepEqual(
      [...account.total],
      [
        ['on_cpu.user', 30 * MS],
        ['blocked.disk', 60 * MS],
      ],
    );
    assert.equal(account.unaccountedNs, 10 * MS);
    assert.equal(account.threads, undefined);
  });

  it('scales threads that worked at once into the time that was not awaited, and keeps what was measured', () => {
    const account = accountOf(
      spanEvidence({
        own: { 'on_cpu.user': 80 * MS, 'blocked.lock': 40 * MS, 'awaiting.idle': 40 * MS },
        activeNs: 60 * MS,
      }),
    );
    assert.equal(account.total.get('awaiting.idle'), 40 * MS);
    assert.equal(account.total.get('on_cpu.user'), 40 * MS);
    assert.equal(account.total.get('blocked.lock'), 20 * MS);
    assert.equal(account.unaccountedNs, 0);
    assert.deepEqual(account.self, account.total);
    assert.deepEqual(
      account.threads,
      new Map([
        ['on_cpu.user', 80 * MS],
        ['blocked.lock', 40 * MS],
      ]),
    );
  });

  it("keeps the span's own time as it was where only its children overlap", () => {
    const account = accountOf(
      spanEvidence({ own: { 'on_cpu.user': 80 * MS }, inChildren: { 'blocked.lock': 80 * MS } }),
    );
    assert.equal(account.self.get('on_cpu.user'), 80 * MS);
    assert.equal(account.total.get('on_cpu.user'), 50 * MS);
  });

  it('puts the microseconds that rounding leaves where the largest fractions are', () => {
    const parts = rounded(
      accountOf(
        spanEvidence({
          wallNs: 10_000,
          own: { 'on_cpu.user': 3_700, 'on_cpu.kernel': 3_200, 'blocked.lock': 3_100 },
        }),
      ),
    );
    assert.deepEqual(Object.fromEntries(parts.total), {
      'on_cpu.user': 4,
      'on_cpu.kernel': 3,
      'blocked.lock': 3,
    });
    assert.deepEqual(parts.self, parts.total);
  });

  const times = fc.array(fc.oneof(fc.constant(0), fc.nat({ max: 3e9 })), {
    minLength: Class.CLASSES,
    maxLength: Class.CLASSES,
  });

  it('adds up to the wall time, whatever was measured', () => {
    fc.assert(
      fc.property(times, times, fc.nat({ max: 5e9 }), (accountNs, childAccountNs, wallNs) => {
        const evidence = { ...spanEvidence({ wallNs }), accountNs, childAccountNs };
        const account = accountOf(evidence);
        assert.ok(Math.abs(accountedNs(account) - wallNs) <= 1e-6 * wallNs);
        assert.ok(account.unaccountedNs >= 0);
        const self = [...account.self.values()].reduce((sum, ns) => sum + ns, 0);
        assert.ok(self <= wallNs * (1 + 1e-6));
      }),
    );
  });

  it('adds up in whole microseconds too, each at most one off', () => {
    fc.assert(
      fc.property(times, times, fc.nat({ max: 5e9 }), (accountNs, childAccountNs, wallNs) => {
        const account = accountOf({ ...spanEvidence({ wallNs }), accountNs, childAccountNs });
        const { total, self, wallUs } = rounded(account);
        assert.equal(
          [...total.values()].reduce((sum, us) => sum + us, 0),
          wallUs,
        );
        for (const [name, us] of [...total, ...self]) assert.ok(Number.isInteger(us) && us > 0, name);
        for (const [name, ns] of account.total)
          assert.ok(Math.abs((total.get(name) ?? 0) - ns / 1e3) < 1, name);
        for (const [name, ns] of account.self)
          assert.ok(Math.abs((self.get(name) ?? 0) - ns / 1e3) < 2, name);
        if (account.threads !== undefined) return;
        for (const [name, us] of self) assert.ok(us <= (total.get(name) ?? 0), name);
      }),
    );
  });
});
