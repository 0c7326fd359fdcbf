// Whether node_modules holds what package-lock.json asks for: exit status 0, or 1.
// npm writes what it installed into node_modules/.package-lock.json, so the two are compared
// rather than a stamp of ours, which would not notice another `npm install`.
import { readFileSync } from 'node:fs';

function packages(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages;
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

const wanted = packages('package-lock.json');
const present = packages('node_modules/.package-lock.json');
const isMet = ([path, { version, optional }]) =>
  path === '' || present[path]?.version === version || (optional === true && present[path] === undefined);

const upToDate =
  present !== undefined &&
  Object.entries(wanted).every(isMet) &&
  Object.keys(present).every((path) => wanted[path] !== undefined);
process.exitCode = upToDate ? 0 : 1;
