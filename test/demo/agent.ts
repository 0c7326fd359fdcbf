/** The agent as a user starts it, with what it says read beside what it prints. */
import { join } from 'node:path';
import { root } from '../helpers/compile.js';
import { Child } from './child.js';

export const sltagent = join(root, 'agent', 'bin', 'sltagent');

const READY_MS = 30_000;
const READY = /"msg":"ready/;

export interface AgentOptions {
  /** It appends one JSON object there for each slow span. */
  readonly jsonTo: string;
  /** The descriptor of ours where its console output goes. */
  readonly stdout: number;
  readonly otlpEndpoint: string | undefined;
  readonly capture: string;
  /** Called with each warning and error of its log. */
  readonly onProblem: (text: string) => void;
}

interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export class DemoAgent {
  private constructor(
    private readonly child: Child,
    private readonly last: () => LogLine | undefined,
  ) {}

  /** Resolves once it takes services. */
  static async start({ jsonTo, stdout, otlpEndpoint, capture, onProblem }: AgentOptions): Promise<DemoAgent> {
    const config = join(root, 'test', 'demo', 'demo.yaml');
    const endpoint = otlpEndpoint === undefined ? [] : ['--otlp-endpoint', otlpEndpoint];
    let last: LogLine | undefined;
    const child = new Child(
      'the agent',
      sltagent,
      ['run', '--config', config, '--capture', capture, '--json-to', jsonTo, ...endpoint],
      {
        stdout,
        onErrorLine: (line) => {
          last = logLine(line) ?? last;
          if (last !== undefined && ['warn', 'error', 'fatal'].includes(last.level)) onProblem(line);
        },
      },
    );
    await child.line(READY, READY_MS);
    return new DemoAgent(child, () => last);
  }

  get hasExited(): boolean {
    return this.child.hasExited;
  }

  said(): string {
    return this.child.said();
  }

  /** Ends it, and gives its account of what it annotated and dropped. */
  async end(): Promise<Readonly<Record<string, unknown>> | undefined> {
    await this.child.end();
    return this.last();
  }
}

function logLine(line: string): LogLine | undefined {
  if (!line.startsWith('{')) return undefined;
  const fields: unknown = JSON.parse(line);
  return typeof fields === 'object' && fields !== null && 'level' in fields && 'msg' in fields
    ? (fields as LogLine)
    : undefined;
}
