package people

import (
	"fmt"

	"golang.org/x/sys/windows"
)

// birthOf returns what tells the file at path from every other that was or will be there, empty where nothing does. What puts a backup
// back may set when a file was created, and so does Windows when one of that name was there just before; but not its number, in which NTFS
// counts how often it was given.
func birthOf(path string) string {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return ""
	}
	const share = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	f, err := windows.CreateFile(name, windows.FILE_READ_ATTRIBUTES, share, nil, windows.OPEN_EXISTING, windows.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return ""
	}
	defer windows.CloseHandle(f) //nolint:errcheck // nothing was written
	var i windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(f, &i); err != nil || i.CreationTime.Nanoseconds() <= 0 {
		return ""
	}
	return fmt.Sprintf("%d-%d-%d", i.CreationTime.Nanoseconds(), i.FileIndexHigh, i.FileIndexLow)
}
