/** `npm run figures`: the plots and docs/cost.md anew from docs/figures/*.json, without measuring. */
import { publish, readFigures } from './files.js';

publish(readFigures());
