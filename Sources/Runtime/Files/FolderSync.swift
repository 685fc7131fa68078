import Foundation

package enum FolderSync {
    /// Puts the names of a folder's files on the disk: a synced file whose name is lost is lost. A file system that cannot
    /// sync a folder keeps names in order by itself.
    package static func sync(_ folder: String) {
        let descriptor = open(folder, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        _ = fsync(descriptor)
        close(descriptor)
    }
}
