/**
 * What is loaded before a fork (runtime/birth.ts), in one piece. The bundler makes a chunk of the modules that are reached by the
 * same lazily loaded ones, and every chunk that is loaded before the fork brings nearer the first helper thread, after which
 * nobody may fork. So who is loaded by itself, and reaches some of these, reaches all of them. test/chunks.test.ts counts.
 */

import "./clone.ts";
import "./file.ts";
import "./libc.ts";
import "./namespace.ts";
import "./poll.ts";
import "./process.ts";
import "./signal.ts";
