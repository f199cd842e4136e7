/**
 * Signatures beside images, as cosign leaves them in the registry: looked at before an image gets its name.
 * @see https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md
 */

import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { Failure, InvalidError, UnsupportedError } from "../errors.ts";
import { readFile } from "../linux/file.ts";
import { type Digest, digestOf, hexOf } from "../oci/digest.ts";
import { object, parseJson } from "../oci/json.ts";
import { type Descriptor, parseManifest } from "../oci/manifest.ts";
import type { Repository } from "./client.ts";
import { harmlessLine } from "./failure.ts";
import {
  type Asked,
  isIdentity,
  type Key,
  type Policy,
  type Requirement,
  referenceOf,
  requirementsFor,
} from "./policy.ts";

/** An image that the policy of this host does not take. */
export class PolicyError extends Failure {}

const signatureAnnotation = "dev.cosignproject.cosign/signature";
const payloadType = "application/vnd.dev.cosign.simplesigning.v1+json";
const maxPayloadBytes = 64 << 10;
/** Somebody who may write to a repository can put any number beside an image. */
const maxSignatures = 100;

/** What needs no question: @throws PolicyError, UnsupportedError before anything is asked of the registry. */
export function refuseByPolicy(policy: Policy | undefined, asked: Asked): void {
  if (policy === undefined) return;
  const { scope, requirements } = requirementsFor(policy, asked);
  for (const requirement of requirements) {
    if (requirement.type === "reject")
      throw new PolicyError(`${referenceOf(asked)} is rejected by ${policy.path} (${scope})`);
    if (requirement.type === "unsupported")
      throw new UnsupportedError(
        `${policy.path} wants ${requirement.what} of ${referenceOf(asked)} (${scope}), which is not supported`,
        "sigstoreSigned with keyPath or keyData is",
      );
  }
}

/**
 * @param digests what the name leads to, the index and the manifest: whoever signs the index signs all that it lists
 * @throws PolicyError where a signature that the policy wants is not there. No policy wants nothing.
 */
export async function requireSigned(
  repository: Repository,
  policy: Policy | undefined,
  asked: Asked,
  digests: readonly Digest[],
): Promise<void> {
  refuseByPolicy(policy, asked);
  if (policy === undefined) return;
  const { scope, requirements } = requirementsFor(policy, asked);
  const wanted = requirements.filter((one) => one.type === "sigstoreSigned");
  if (wanted.length === 0) return;
  const signatures = [];
  for (const digest of new Set(digests)) signatures.push(...(await readSignatures(repository, digest)));
  for (const requirement of wanted) {
    const keys = requirement.keys.map(keyOf);
    const reasons = signatures.map((signature) => whyNot(signature, requirement, keys, asked));
    if (reasons.includes(undefined)) continue;
    const why = reasons.find((reason) => reason !== undefined) ?? "it is not signed";
    throw new PolicyError(
      `${referenceOf(asked)} is rejected: ${why}`,
      `${policy.path} wants a signature (${scope}); nothing was taken in`,
    );
  }
}

interface Signature {
  /** Of what it is beside. */
  digest: Digest;
  payload: Uint8Array;
  bytes: Uint8Array;
}

async function readSignatures(repository: Repository, digest: Digest): Promise<Signature[]> {
  const found = await repository.manifest(`sha256-${hexOf(digest)}.sig`);
  if (!found) return [];
  const manifest = parseManifest(found.bytes, `the signatures of ${digest}`);
  if (manifest.kind !== "manifest") return [];
  const signatures: Signature[] = [];
  for (const layer of manifest.layers.slice(0, maxSignatures)) {
    const text = layer.annotations[signatureAnnotation];
    if (layer.mediaType !== payloadType || text === undefined || layer.size > maxPayloadBytes) continue;
    const payload = await readWhole(repository, layer);
    signatures.push({ digest, payload, bytes: Buffer.from(text, "base64") });
  }
  return signatures;
}

async function readWhole(repository: Repository, layer: Descriptor): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of repository.blob(layer)) pieces.push(piece);
  const bytes = Buffer.concat(pieces);
  if (digestOf(bytes) !== layer.digest) throw new InvalidError(`a signature's payload does not have its digest`);
  return bytes;
}

function keyOf(key: Key): KeyObject {
  const where = "path" in key ? key.path : "a key of the policy";
  const pem = "path" in key ? readFile(key.path) : key.pem;
  try {
    return createPublicKey(pem);
  } catch {
    throw new InvalidError(`${where} is not a public key in PEM`);
  }
}

/** @returns undefined for a signature that will do, or what is wrong with it */
function whyNot(
  { digest, payload, bytes }: Signature,
  { identity }: Extract<Requirement, { type: "sigstoreSigned" }>,
  keys: KeyObject[],
  asked: Asked,
): string | undefined {
  if (!keys.some((key) => isSignedBy(key, payload, bytes))) return "its signature is by another key";
  const signed = readPayload(payload);
  if (signed === undefined) return "its signature is for something else";
  if (signed.digest !== digest) return `its signature is for ${harmlessLine(signed.digest, 100)}`;
  if (!isIdentity(identity, signed.reference, asked))
    return `its signature is for the name ${harmlessLine(signed.reference, 200)}`;
  return undefined;
}

function isSignedBy(key: KeyObject, payload: Uint8Array, signature: Uint8Array): boolean {
  try {
    return verify(key.asymmetricKeyType === "ed25519" ? null : "sha256", payload, key, signature);
  } catch {
    return false;
  }
}

/** Only once its signature holds: what stands in it is nobody's word before. */
function readPayload(payload: Uint8Array): { digest: string; reference: string } | undefined {
  try {
    const { critical } = object(parseJson(payload, "payload"), "payload");
    const { identity, image, type, ...more } = object(critical, "critical");
    const digest = object(image, "image")["docker-manifest-digest"];
    const reference = object(identity, "identity")["docker-reference"];
    // What is critical and not understood is no reason to accept.
    if (type !== "cosign container image signature" || Object.keys(more).length > 0) return undefined;
    return typeof digest === "string" && typeof reference === "string"
      ? { digest, reference: reference.replace(/^index\.docker\.io\//, "docker.io/") }
      : undefined;
  } catch {
    return undefined;
  }
}
