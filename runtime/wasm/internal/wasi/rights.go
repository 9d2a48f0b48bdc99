package wasi

// Rights ("rights").
const (
	rightDatasync   = 1 << 0
	rightRead       = 1 << 1
	rightSeek       = 1 << 2
	rightSetFlags   = 1 << 3
	rightSync       = 1 << 4
	rightTell       = 1 << 5
	rightWrite      = 1 << 6
	rightAdvise     = 1 << 7
	rightAllocate   = 1 << 8
	rightMkdir      = 1 << 9
	rightCreate     = 1 << 10
	rightLinkSource = 1 << 11
	rightLinkTarget = 1 << 12
	rightOpen       = 1 << 13
	rightReaddir    = 1 << 14
	rightReadlink   = 1 << 15
	rightRenameFrom = 1 << 16
	rightRenameTo   = 1 << 17
	rightPathStat   = 1 << 18
	rightPathTimes  = 1 << 20
	rightFilestat   = 1 << 21
	rightSetSize    = 1 << 22
	rightSetTimes   = 1 << 23
	rightSymlink    = 1 << 24
	rightRemoveDir  = 1 << 25
	rightUnlink     = 1 << 26
	rightPoll       = 1 << 27
	// Go asks for rightSetSize even where it only reads.
	rightsToChange   = rightWrite | rightAllocate
	rightsOfStreams  = rightRead | rightWrite | rightSetFlags | rightFilestat | rightPoll
	rightsOfFiles    = rightsOfStreams | rightDatasync | rightSeek | rightSync | rightTell | rightAdvise | rightAllocate | rightSetSize | rightSetTimes
	rightsOfPaths    = rightMkdir | rightCreate | rightLinkSource | rightLinkTarget | rightOpen | rightReaddir | rightReadlink | rightRenameFrom | rightRenameTo | rightPathStat | rightPathTimes | rightSymlink | rightRemoveDir | rightUnlink
	rightsOfDirs     = rightsOfPaths | rightFilestat | rightSetTimes | rightSync | rightDatasync | rightSetFlags
	rightsOfAnything = rightsOfDirs | rightsOfFiles
)
