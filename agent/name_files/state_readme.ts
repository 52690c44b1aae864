/**
 * The README that stands beside the files in the state directory.
 *
 * @module
 */

/** In ASCII, for the text is written byte by byte, as the hosts files are. */
export const STATE_README = `# Names of a NoRouter mesh

The NoRouter agent on this machine wrote this folder when its mesh started. It writes it
anew each time, so changes made here are lost. It may be deleted while no mesh runs. Agents
of several meshes may share it: each has its lines, and takes them out when it ends.

| file          | what it is                                                          |
| ------------- | ------------------------------------------------------------------- |
| \`hosts\`       | the system's hosts file, with the names of the mesh                 |
| \`hostaliases\` | aliases for the programs that heed the variable \`HOSTALIASES\`       |

## hostaliases

It needs no rights. Programs that use the C library's resolver look up a name in it first:

    HOSTALIASES=~/.norouter/agent/hostaliases curl http://web:8080

An alias stands for another name, so that each leads to ADDRESS.nip.io, for which a public
name server answers with the address itself: this needs a working DNS. Names with a dot
cannot be aliases (see hostname(7)). If \`HOSTALIASES\` was set when the agent started, the
aliases of that file are in this one too.

## hosts

Whoever may do so can use it in place of \`/etc/hosts\`: copy it there, or mount it into a
container. The agent does so by itself with \`writeEtcHosts: true\` in the manifest. Then
it changes only what is between these two lines, and takes it out when it ends:

    # <Added-by-NoRouter>
    # </Added-by-NoRouter>

The file as it was before the first time is kept beside it as \`hosts.bak.norouter\`.

## In the manifest

    hosts:
      web:
        stateDir:
          pathOnAgent: "~/elsewhere"   # "~" and variables of this machine
          disable: true                # write no such folder
        writeEtcHosts: true            # change the system's hosts file
`;
