/** Peers: what a system call costs (loop.c) while a tool looks at the process that makes it, and at another one. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Conversation } from '../conversation.js';
import { RunningAgent } from '../running-agent.js';
import type { Stage } from '../stage.js';
import { MEASURED_CPU } from '../workload.js';
import {
  byCall,
  type Call,
  type Capture,
  type Measured,
  type Peer,
  type Peers,
  type Slowdown,
} from './measured.js';
import { Tool, TOOLS, type ToolDescription } from './tool.js';

/** Until its programs are attached for the process that it has found. */
const AGENT_SETTLE_MS = 1_000;

type Times = Record<Call, number>;

class Loop extends Conversation {
  constructor(program: string, { uid }: Stage, variables: Readonly<Record<string, string>> = {}) {
    super(program, [String(MEASURED_CPU)], {
      uid,
      gid: uid,
      cwd: '/',
      env: { ...process.env, ...variables },
    });
  }

  async times(): Promise<Times> {
    const of = async (call: Call): Promise<number> => Number(await this.ask(call));
    const getppid = await of('getppid');
    const read = await of('read');
    return { getppid, read, write: await of('write') };
  }
}

/** One after the other, on one CPU. */
async function timesOf(traced: Loop, other: Loop): Promise<{ traced: Times; other: Times }> {
  return { traced: await traced.times(), other: await other.times() };
}

class Samples {
  readonly without: { traced: Times; other: Times }[] = [];
  readonly with: { traced: Times; other: Times }[] = [];
  missing: string | undefined;

  slowdowns(of: 'traced' | 'other'): Record<Call, Slowdown> {
    return byCall((call) => ({
      with: this.with.map((times) => times[of][call]),
      without: this.without.map((times) => times[of][call]),
    }));
  }

  peer(name: string, command: string): Peer {
    return this.missing === undefined
      ? { name, command, traced: this.slowdowns('traced'), other: this.slowdowns('other') }
      : { name, command, missing: this.missing };
  }
}

interface Candidate {
  readonly name: string;
  readonly command: string;
  readonly samples: Samples;
  readonly measure: () => Promise<void>;
}

export async function peers(stage: Stage, rounds: number, measured: Measured): Promise<Peers> {
  const program = stage.program('bench/figures/loop.c');
  const plain = new Loop(program, stage);
  const other = new Loop(program, stage);
  // A name that the agent looks for.
  const member = new Loop(program, stage, { LD_PRELOAD: stage.libslt('libslt-peers') });
  const candidates = [
    ...(['all', 'blocking'] as const).map((capture) => ourselves(stage, capture, member, other)),
    ...TOOLS.map((tool) => candidate(stage, tool, plain, other)),
  ];
  try {
    await timesOf(plain, other);
    await member.times();
    for (let round = 0; round < rounds; round++) {
      process.stderr.write(`bench: peers, round ${round + 1} of ${rounds}\n`);
      for (let i = 0; i < candidates.length; i++) {
        const next = candidates[(i + round) % candidates.length];
        if (next?.samples.missing === undefined) await next?.measure();
      }
    }
    return {
      ...measured,
      peers: candidates.map(({ name, command, samples }) => samples.peer(name, command)),
    };
  } finally {
    await plain.stop();
    await other.stop();
    await member.stop();
  }
}

function candidate(stage: Stage, description: ToolDescription, traced: Loop, other: Loop): Candidate {
  const samples = new Samples();
  const command = description
    .command(NaN, 'FILE')
    .map((word) => (word.includes(' ') ? `'${word}'` : word))
    .join(' ')
    .replaceAll('NaN', 'PID');
  const measure = async (): Promise<void> => {
    const without = await timesOf(traced, other);
    const tool = await Tool.attach(description, traced.pid, join(stage.folder, 'tool.data'));
    const times = await timesOf(traced, other);
    samples.missing = await tool.detach();
    samples.without.push(without);
    samples.with.push(times);
  };
  return { name: description.name, command, samples, measure };
}

/** The process takes part and is inside a span that is not slow. */
function ourselves(stage: Stage, capture: Capture, traced: Loop, other: Loop): Candidate {
  const samples = new Samples();
  const measure = async (): Promise<void> => {
    samples.without.push(await timesOf(traced, other));
    const agent = await RunningAgent.start(stage, { config: [`capture: ${capture}`] });
    try {
      // Its first span makes the process known.
      await traced.ask('getppid');
      await sleep(AGENT_SETTLE_MS);
      samples.with.push(await timesOf(traced, other));
      const { kernel } = await agent.stop();
      if ((kernel['spans_started'] ?? 0) === 0) throw new Error('the agent saw no span of the loop');
    } finally {
      await agent.kill();
    }
  };
  return {
    name: `sltagent, capture ${capture}`,
    command: `sltagent run --capture ${capture}`,
    samples,
    measure,
  };
}
