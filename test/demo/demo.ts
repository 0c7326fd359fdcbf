/**
 * `npm run demo`: the main job of the product, with nothing simulated. The agent runs, a service with OpenTelemetry
 * takes part through `sltagent exec`, requests are made slow for one reason each, and what the agent says about each
 * is held against that reason.
 *
 *   npm run demo -- [--json] [--keep] [--capture all|blocking] [--otlp-endpoint URL]
 *
 * Exit status: 0 when every explanation is right, 1 when one is wrong or missing, 2 wrong usage, 130 interrupted.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DemoAgent, sltagent } from './agent.js';
import { cases, type DemoCase } from './cases.js';
import { Child } from './child.js';
import { Explanations, type Explanation } from './explanations.js';
import { DemoService, type Response } from './service.js';

interface Options {
  readonly help: boolean;
  readonly json: boolean;
  readonly keep: boolean;
  readonly capture: 'all' | 'blocking';
  readonly otlpEndpoint: string | undefined;
}

interface Verdict {
  readonly case: string;
  readonly injected: string;
  readonly found: string;
  readonly ok: boolean;
}

const USAGE = 'usage: npm run demo -- [--json] [--keep] [--capture all|blocking] [--otlp-endpoint URL]';
/** Evidence leaves within 5 s of the end of a span. */
const EXPLAINED_WITHIN_MS = 5000;
const PARENT_CHECKED_EACH_MS = 500;
/**
 * How often a request is sent at most. Where the agent says itself that it did not see a switch of one, what it says of that one is
 * no explanation to judge: in some sandboxes no program runs while their process 1 does (4 of 10,000 spans here).
 */
const SENT_AT_MOST = 3;

function optionsOf(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      help: { type: 'boolean', short: 'h', default: false },
      json: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      capture: { type: 'string', default: 'all' },
      'otlp-endpoint': { type: 'string' },
    },
  });
  const { help, json, keep, capture } = values;
  if (capture !== 'all' && capture !== 'blocking')
    throw new Error(`--capture takes all or blocking, not ${capture}`);
  return { help, json, keep, capture, otlpEndpoint: values['otlp-endpoint'] };
}

/** Where the agent sends spans, if not to this terminal; with these the service sends its own there too. */
function otlpTarget({ otlpEndpoint }: Options): string | undefined {
  const { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: traces, OTEL_EXPORTER_OTLP_ENDPOINT: general } = process.env;
  return [otlpEndpoint, traces, general].find((url) => url !== undefined && url !== '');
}

class Demo {
  readonly #agent: DemoAgent;
  readonly #service: DemoService;
  readonly #explanations: Explanations;
  readonly #options: Options;
  readonly #wrong: Verdict[] = [];
  /** Requests about which nothing must be said. */
  readonly #quiet: { readonly demoCase: DemoCase; readonly response: Response }[] = [];

  constructor(agent: DemoAgent, service: DemoService, explanations: Explanations, options: Options) {
    this.#agent = agent;
    this.#service = service;
    this.#explanations = explanations;
    this.#options = options;
  }

  /** Whether every explanation was right. */
  async run(): Promise<boolean> {
    for (const demoCase of cases) {
      this.#say(`--- ${demoCase.name}: ${demoCase.injected}\n`);
      if (demoCase.right.length === 0) {
        this.#quiet.push({ demoCase, response: await demoCase.send(this.#service) });
        continue;
      }
      const explanation = await this.#wholeExplanation(demoCase);
      this.#judge(demoCase, explanation?.cause.type ?? 'none', explanation?.cause.text);
      await this.#settleQuiet();
    }
    for (const { demoCase } of this.#quiet) this.#judge(demoCase, 'not checked');
    return this.#wrong.length === 0;
  }

  async #wholeExplanation(demoCase: DemoCase): Promise<Explanation | undefined> {
    for (let sent = 1; ; sent++) {
      const explanation = await this.#explanation(await demoCase.send(this.#service));
      if (explanation?.gaps.includes('switch_missed') !== true || sent === SENT_AT_MOST) return explanation;
      this.#say('The agent says that it did not see a switch of this one: once more.\n');
    }
  }

  async #explanation(response: Response): Promise<Explanation | undefined> {
    const explanation = await this.#explanations.find(
      ({ parentSpanId, traceId }) => traceId === response.traceId && parentSpanId === response.spanId,
      EXPLAINED_WITHIN_MS,
    );
    if (this.#agent.hasExited) throw new Error(`the agent ended${this.#agent.said()}`);
    if (explanation !== undefined && otlpTarget(this.#options) !== undefined) this.#tell(explanation);
    return explanation;
  }

  /** Spans leave in the order in which they end: what was not said by now will not be. */
  async #settleQuiet(): Promise<void> {
    for (const { demoCase, response } of this.#quiet.splice(0)) {
      const explanation = await this.#explanations.find(({ traceId }) => traceId === response.traceId, 0);
      this.#judge(demoCase, explanation?.cause.type ?? 'none');
    }
  }

  #judge(demoCase: DemoCase, found: string, text = ''): void {
    const { name, injected } = demoCase;
    const blocking = this.#options.capture === 'blocking' ? demoCase.blocking : undefined;
    const { right, says } = blocking ?? { right: demoCase.right, says: '' };
    const ok = right.length === 0 ? found === 'none' : right.includes(found) && text.includes(says);
    const verdict: Verdict = { case: name, injected, found, ok };
    if (!ok) this.#wrong.push(verdict);
    if (this.#options.json) process.stdout.write(`${JSON.stringify(verdict)}\n`);
    const expected = right.length === 0 ? 'none' : right.join(' or ');
    this.#say(
      ok ? `ok: ${name}, found ${found}\n\n` : `WRONG: ${name}, expected ${expected}, found ${found}\n\n`,
    );
  }

  /** The agent prints no tree where its spans leave over OTLP. */
  #tell({ name, wallMs, cause, traceId }: Explanation): void {
    this.#say(
      `${name}   ${wallMs.toFixed(1)} ms   trace ${traceId}\n  cause  ${cause.type}: ${cause.text}\n`,
    );
  }

  #say(text: string): void {
    say(this.#options, text);
  }
}

/** For people: on standard output, or beside it where a program reads that. */
function say({ json }: Options, text: string): void {
  (json ? process.stderr : process.stdout).write(text);
}

interface Ran {
  readonly agent: DemoAgent;
  readonly service: DemoService;
  readonly right: boolean;
}

async function demonstrate(options: Options, folder: string): Promise<Ran> {
  const jsonTo = join(folder, 'spans.jsonl');
  const explanations = new Explanations(jsonTo);
  const target = otlpTarget(options);
  say(options, `The agent starts (sltagent run)${target === undefined ? '' : `; spans go to ${target}`}.\n`);
  const agent = await DemoAgent.start({
    jsonTo,
    stdout: options.json ? 2 : 1,
    otlpEndpoint: options.otlpEndpoint,
    capture: options.capture,
    onProblem: (text) => process.stderr.write(`${text}\n`),
  });
  say(options, 'A Flask service starts (sltagent exec -- opentelemetry-instrument python service.py).\n\n');
  const service = await DemoService.start(
    [sltagent, 'exec', '--'],
    options.otlpEndpoint === undefined ? {} : { OTEL_EXPORTER_OTLP_ENDPOINT: options.otlpEndpoint },
  );
  const right = await new Demo(agent, service, explanations, options).run();
  explanations.close();
  return { agent, service, right };
}

async function finish(options: Options, { agent, service, right }: Ran): Promise<void> {
  await service.child.end();
  const { annotated, dropped } = (await agent.end()) ?? {};
  say(options, `The agent annotated ${String(annotated)} spans and dropped ${JSON.stringify(dropped)}.\n`);
  say(options, right ? 'Every explanation is right.\n' : 'NOT every explanation is right.\n');
}

function invitation(url: string): string {
  const paths = ['sleep', 'disk', 'net', 'on_cpu', 'syscalls', 'gil', 'fast'];
  return [
    'The agent and the service stay up until Ctrl-C. Try, in another terminal:',
    ...paths.map((path) => `  curl ${url}/${path}`),
    `  curl ${url}/hold & curl ${url}/lock`,
    '',
    '',
  ].join('\n');
}

/** Resolves with the name of the signal, or when whoever started us (npm does not pass all signals on) has gone. */
function interruption(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, resolve);
    const parent = process.ppid;
    setInterval(() => {
      if (process.ppid !== parent) resolve('the end of its parent');
    }, PARENT_CHECKED_EACH_MS).unref();
  });
}

async function main(): Promise<number> {
  let options: Options;
  try {
    options = optionsOf(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${USAGE}\n`);
    return 2;
  }
  if (options.help) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  process.on('exit', () => Child.killAll());
  const folder = mkdtempSync(join(tmpdir(), 'sltagent-demo-'));
  const interrupted = interruption();
  try {
    const outcome = await Promise.race([demonstrate(options, folder), interrupted]);
    if (typeof outcome === 'string') {
      process.stderr.write(`The demo was ended by ${outcome}.\n`);
      return 130;
    }
    if (options.keep) {
      say(options, invitation(outcome.service.url));
      await interrupted;
    }
    await finish(options, outcome);
    return outcome.right ? 0 : 1;
  } catch (error) {
    process.stderr.write(`The demo failed: ${(error as Error).message}\n`);
    return 1;
  } finally {
    await Child.endAll();
    rmSync(folder, { recursive: true, force: true });
  }
}

process.exitCode = await main();
// What still waits for a child that has been ended must not keep the process.
process.exit();
