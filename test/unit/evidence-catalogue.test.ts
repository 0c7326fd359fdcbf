import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { classPlaces } from '../../agent/src/annotate/account.js';
import { exportDropReasons } from '../../agent/src/export/exporter.js';
import type { PipelineCount } from '../../agent/src/cli/pipeline.js';
import { Class, Counter, FdKind } from '../../agent/src/wire/layout.js';
import { attributeDeclarations, declarationOf } from '../../schemas/evidence/catalogue.js';
import { awaitingClasses, threadClasses, timeClasses } from '../../schemas/evidence/classes.js';
import { descriptorKinds } from '../../schemas/evidence/lists.js';
import { lossGroups } from '../../schemas/evidence/losses.js';
import { referencePage } from '../../schemas/evidence/reference.js';

/** Every name that can leave on a carrier, with each class, and a few calls, put in. */
function everyName(carrier: 'span' | 'call'): string[] {
  return attributeDeclarations[carrier].flatMap(({ name }) => {
    if (name.includes('<class>')) return timeClasses.map((item) => name.replace('<class>', item.name));
    if (name.includes('<call>')) return ['read', 'readv'].map((call) => name.replace('<call>', call));
    return [name];
  });
}

describe('the catalogue of evidence', () => {
  it('has no name that is a prefix of another', () => {
    const names = [...new Set([...everyName('span'), ...everyName('call')])];
    for (const name of names) {
      assert.deepEqual(
        names.filter((other) => other !== name && other.startsWith(name)),
        [],
        name,
      );
    }
  });

  it('declares each name once for each carrier, and finds it again', () => {
    for (const carrier of ['span', 'call'] as const) {
      const names = everyName(carrier);
      assert.equal(new Set(names).size, names.length);
      for (const name of names) assert.notEqual(declarationOf(carrier, name), undefined, name);
    }
    assert.equal(declarationOf('span', 'slt.time.blocked.nothing_us'), undefined);
    assert.equal(declarationOf('span', 'slt.timeXon_cpu.user_us'), undefined);
    assert.equal(declarationOf('call', 'slt.wall_us'), undefined);
  });

  it('says the unit in the name, and has a meaning for everything', () => {
    const suffixes = { _us: 'µs', _percent: '%', _bytes: 'By' } as const;
    for (const { name, unit, type, meaning } of Object.values(attributeDeclarations).flat()) {
      const suffix = Object.entries(suffixes).find(([end]) => name.endsWith(end));
      assert.equal(unit, suffix?.[1], name);
      if (unit !== undefined) assert.equal(type, 'int', name);
      assert.ok(meaning.length > 0, name);
      assert.match(name, /^(slt|thread|network|file)\./);
    }
  });

  it('names every class and every kind of descriptor of the kernel side', () => {
    const keys = Object.keys({ ...threadClasses, ...awaitingClasses });
    assert.equal(keys.length, Class.CLASSES);
    assert.deepEqual(
      [...classPlaces.values()],
      Array.from({ length: Class.CLASSES }, (_, place) => place),
    );
    assert.deepEqual(
      Object.keys(descriptorKinds),
      Object.keys(FdKind).filter((key) => key !== 'UNSEEN' && key !== 'KINDS'),
    );
  });

  it('explains every reason of the kernel side, of the pipeline and of the exporters', () => {
    const kernel = Object.keys(Counter)
      .filter((name) => name.startsWith('DROP_'))
      .map((name) => name.slice('DROP_'.length).toLowerCase());
    const pipeline = { 'drop.below_rule': 1, 'drop.failed': 1, spans: 0, exported: 0 } satisfies Record<
      PipelineCount,
      number
    >;
    const judged = Object.keys(pipeline)
      .filter((name) => name.startsWith('drop.'))
      .map((name) => name.slice('drop.'.length));
    // BpfBackend.counters() and summarize() add these.
    const others = [
      ...['probe_files', 'record_agent_behind', 'span_agent_behind', 'recursion_<program>'],
      ...['malformed_<what>', 'orphaned_records', 'subspans_left_out'],
    ];
    assert.deepEqual(
      lossGroups.flatMap(({ losses }) => Object.keys(losses)).sort(),
      [...kernel, ...exportDropReasons, ...judged, ...others].sort(),
    );
  });

  it('is what docs/evidence.md says', () => {
    const page = readFileSync(new URL('../../../docs/evidence.md', import.meta.url), 'utf8');
    assert.equal(page, referencePage(), 'run `node dist/schemas/evidence/generate.js`');
  });
});
