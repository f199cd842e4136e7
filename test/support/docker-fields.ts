/** The fields that Docker's Engine API 1.50 has, as `inspect` and others show them; with "?" those that may be left out. */

export const containerFields = `Id Created Path Args State Image ResolvConfPath HostnamePath HostsPath LogPath Name RestartCount
  Driver Platform MountLabel ProcessLabel AppArmorProfile ExecIDs HostConfig GraphDriver SizeRw? SizeRootFs? Mounts Config
  NetworkSettings`;

export const stateFields = `Status Running Paused Restarting OOMKilled Dead Pid ExitCode Error StartedAt FinishedAt Health?`;

export const hostConfigFields = `Binds ContainerIDFile LogConfig NetworkMode PortBindings RestartPolicy AutoRemove VolumeDriver
  VolumesFrom ConsoleSize Annotations? CapAdd CapDrop CgroupnsMode Dns DnsOptions DnsSearch ExtraHosts GroupAdd IpcMode Cgroup
  Links OomScoreAdj PidMode Privileged PublishAllPorts ReadonlyRootfs SecurityOpt StorageOpt? Tmpfs? UTSMode UsernsMode ShmSize
  Sysctls? Runtime Isolation CpuShares Memory NanoCpus CgroupParent BlkioWeight BlkioWeightDevice BlkioDeviceReadBps
  BlkioDeviceWriteBps BlkioDeviceReadIOps BlkioDeviceWriteIOps CpuPeriod CpuQuota CpuRealtimePeriod CpuRealtimeRuntime
  CpusetCpus CpusetMems Devices DeviceCgroupRules DeviceRequests MemoryReservation MemorySwap MemorySwappiness OomKillDisable
  PidsLimit Ulimits CpuCount CpuPercent IOMaximumIOps IOMaximumBandwidth Mounts? MaskedPaths ReadonlyPaths Init?`;

export const configFields = `Hostname Domainname User AttachStdin AttachStdout AttachStderr ExposedPorts? Tty OpenStdin StdinOnce
  Env Cmd Healthcheck? Image Volumes WorkingDir Entrypoint OnBuild Labels StopSignal? StopTimeout? Shell?`;

export const networkSettingsFields = `Bridge SandboxID SandboxKey Ports HairpinMode LinkLocalIPv6Address LinkLocalIPv6PrefixLen
  SecondaryIPAddresses SecondaryIPv6Addresses EndpointID Gateway GlobalIPv6Address GlobalIPv6PrefixLen IPAddress IPPrefixLen
  IPv6Gateway MacAddress Networks`;

export const endpointFields = `IPAMConfig Links Aliases MacAddress DriverOpts GwPriority NetworkID EndpointID Gateway IPAddress
  IPPrefixLen IPv6Gateway GlobalIPv6Address GlobalIPv6PrefixLen DNSNames`;

export const imageFields = `Id RepoTags RepoDigests Parent Comment Created DockerVersion Author Config Architecture Variant? Os
  OsVersion? Size GraphDriver RootFS Metadata Descriptor? Manifests?`;

export const networkFields = `Name Id Created Scope Driver EnableIPv4 EnableIPv6 IPAM Internal Attachable Ingress ConfigFrom
  ConfigOnly Containers Options Labels Peers? Services?`;

export const volumeFields = `CreatedAt Driver Labels Mountpoint Name Options Scope Status? UsageData?`;

export const infoFields = `ID Containers ContainersRunning ContainersPaused ContainersStopped Images Driver DriverStatus
  SystemStatus? Plugins MemoryLimit SwapLimit CpuCfsPeriod CpuCfsQuota CPUShares CPUSet PidsLimit IPv4Forwarding Debug NFd
  OomKillDisable NGoroutines SystemTime LoggingDriver CgroupDriver CgroupVersion NEventsListener KernelVersion OperatingSystem
  OSVersion OSType Architecture IndexServerAddress RegistryConfig NCPU MemTotal GenericResources DockerRootDir HttpProxy
  HttpsProxy NoProxy Name Labels ExperimentalBuild ServerVersion Runtimes DefaultRuntime Swarm LiveRestoreEnabled Isolation
  InitBinary ContainerdCommit RuncCommit InitCommit SecurityOptions ProductLicense? DefaultAddressPools FirewallBackend
  CDISpecDirs DiscoveredDevices? Containerd? Warnings ClientInfo`;

export const clientFields = `Version ApiVersion DefaultAPIVersion GitCommit GoVersion Os Arch BuildTime Context`;

export const serverFields = `Platform Components Version ApiVersion MinAPIVersion GitCommit GoVersion Os Arch KernelVersion
  BuildTime Experimental?`;

/** Of rows of lists, by the command. */
export const rowFields: Record<string, string> = {
  ps: `Command CreatedAt ID Image Labels LocalVolumes Mounts Names Networks Platform Ports RunningFor Size State Status`,
  images: `Containers CreatedAt CreatedSince Digest ID Repository SharedSize Size Tag UniqueSize VirtualSize`,
  "network ls": `CreatedAt Driver ID IPv4 IPv6 Internal Labels Name Scope`,
  "volume ls": `Availability Driver Group Labels Links Mountpoint Name Scope Size Status`,
  history: `Comment CreatedAt CreatedBy CreatedSince ID Size`,
  "system df": `Active Reclaimable Size TotalCount Type`,
  stats: `BlockIO CPUPerc Container ID MemPerc MemUsage Name NetIO PIDs`,
};
