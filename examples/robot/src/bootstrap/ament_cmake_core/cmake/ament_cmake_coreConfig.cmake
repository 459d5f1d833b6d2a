# ament_library(NAME SOURCE...): a shared library with its headers, found by others as NAME::NAME.
function(ament_library name)
  add_library(${name} SHARED ${ARGN})
  target_include_directories(${name} PUBLIC $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:include>)
  install(TARGETS ${name} EXPORT ${name}Targets LIBRARY DESTINATION lib)
  install(DIRECTORY include/ DESTINATION include)
  install(EXPORT ${name}Targets NAMESPACE ${name}:: FILE ${name}Config.cmake DESTINATION share/${name}/cmake)
endfunction()

# ament_package(): what every package ships.
function(ament_package)
  install(FILES package.xml DESTINATION share/${PROJECT_NAME})
endfunction()
