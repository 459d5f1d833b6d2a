import { error, type Diagnostic } from '../model/diagnostics.ts';
import { isRemotePlace } from '../model/remote-place.ts';

/** Inputs of the check before publishing. */
export interface PublishingPlan {
  channel: string | undefined;
  /** `publish.to` of distro.yaml; if it is empty, the folder of the repository. */
  places: readonly string[];
  output: string | undefined;
  /** Whether the publishing step has its own key. */
  signed: boolean;
  /** `signing_key` of distro.yaml. */
  signingKey: string | readonly string[] | undefined;
  /** `docs.to` of distro.yaml if a site is to be published. */
  sites?: readonly string[] | undefined;
}

/** An absolute path or a URI, not a folder inside a workspace. */
const isShared = (place: string): boolean => /^(?:\/|[a-z0-9+.-]+:\/)/.test(place) || isRemotePlace(place);

/**
 * What a farm's run lacks for publishing, reported before anything is built. A generated key or a folder in a workspace
 * would differ between agents.
 */
export function publishingFaults({ channel, places, output, signed, signingKey, sites }: PublishingPlan): Diagnostic[] {
  if (channel === undefined) return [];
  const faults: Diagnostic[] = [];
  const named = places.length || output === undefined ? places : [output];
  const apart = named.find((place) => !isShared(place));
  if (!named.length || apart !== undefined)
    faults.push(
      error(
        'publish-place',
        apart === undefined
          ? `this run publishes the channel '${channel}', and no repository is named`
          : `this run publishes to '${apart}', which is another folder on each agent`,
        {
          hint:
            "publish.to in distro.yaml, or distroPipeline(repository: '/srv/apt'), names a " +
            'place that the publishing agents share; publish: false builds only',
        },
      ),
    );
  if (!signed && signingKey === undefined)
    faults.push(
      error('publish-key', `this run publishes the channel '${channel}', and no signing key is named`, {
        hint:
          "distroPipeline(signingKey: 'ID') names a file credential with the secret key; `signing_key` " +
          "in distro.yaml names one of the publishing agents' own; publish: false builds only",
      }),
    );
  return [...faults, ...siteFaults(channel, sites)];
}

function siteFaults(channel: string, sites: readonly string[] | undefined): Diagnostic[] {
  const apart = sites?.find((place) => !isShared(place));
  if (sites === undefined || (sites.length && apart === undefined)) return [];
  const what =
    apart === undefined
      ? `this run makes the documentation of the channel '${channel}', and docs.to of distro.yaml names no place for it`
      : `this run publishes documentation to '${apart}', which is another folder on each agent`;
  return [
    error('docs-place', what, {
      hint: "docs: {to: ['file:/srv/docs']} in distro.yaml names a place that the publishing agents share",
    }),
  ];
}
