/** The measured processes: workload.c, and python_spans.py. */
import { join } from 'node:path';
import { root } from '../test/helpers/compile.js';
import { Conversation } from './conversation.js';
import type { Stage } from './stage.js';

/** Everything that is measured runs on this CPU, one after the other. */
export const MEASURED_CPU = 0;

export class Workload extends Conversation {
  constructor(stage: Stage) {
    super(stage.workload, [String(MEASURED_CPU)], { uid: stage.uid, gid: stage.uid, cwd: '/' });
  }

  /** `work` as in workload.c. Nanoseconds for each of `count`. */
  async nanoseconds(work: 'calls' | 'span-calls' | 'spans' | 'round-trips', count: number): Promise<number> {
    return Number(await this.ask(`${work} ${count}`));
  }
}

export class PythonSpans extends Conversation {
  constructor() {
    const python = join(root, 'build', 'python', 'test', 'bin', 'python');
    super(python, [join(root, 'bench', 'python_spans.py'), String(MEASURED_CPU)], {});
  }

  async nanoseconds(count: number): Promise<number> {
    return Number(await this.ask(String(count)));
  }
}
